//! Values that many decisions say alike: each is written once, and named by its place.

use super::wire::{In, Malformed, Out, Read};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::Arc;

/// Values of one kind on their way out.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    /// Whoever shares a value has it at one place in memory.
    known: HashMap<usize, u64>,
    places: BTreeMap<Vec<u8>, u64>,
    written: Out,
    kind: PhantomData<T>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), places: BTreeMap::new(), written: Out::default(), kind: PhantomData }
    }
}

impl<T: Serialize> Shelf<T> {
    /// The place of a value that is kept for as long as this is.
    pub(super) fn place(&mut self, value: &Arc<T>) -> Result<u64, serde_json::Error> {
        let address = Arc::as_ptr(value).addr();
        if let Some(place) = self.known.get(&address) {
            return Ok(*place);
        }
        let place = self.put(value)?;
        self.known.insert(address, place);
        Ok(place)
    }

    /// The place of a value.
    pub(super) fn put(&mut self, value: &T) -> Result<u64, serde_json::Error> {
        let bytes = serde_json::to_vec(value)?;
        if let Some(place) = self.places.get(&bytes) {
            return Ok(*place);
        }
        let place = u64::try_from(self.places.len()).unwrap_or(u64::MAX);
        self.written.bytes(&bytes);
        self.places.insert(bytes, place);
        Ok(place)
    }

    /// All of them.
    pub(super) fn write(self, out: &mut Out) {
        out.count(self.places.len());
        out.0.extend_from_slice(&self.written.0);
    }
}

/// Values of one kind, read.
#[derive(Debug)]
pub(super) struct Values<T>(Vec<Arc<T>>);

impl<T: DeserializeOwned> Values<T> {
    pub(super) fn read(from: &mut In<'_>) -> Read<Self> {
        let count = from.count(1)?;
        (0..count).map(|_| from.json().map(Arc::new)).collect::<Read<_>>().map(Self)
    }

    /// The one whose place stands next.
    pub(super) fn next(&self, from: &mut In<'_>) -> Read<Arc<T>> {
        let place: usize = from.small()?;
        self.0.get(place).map(Arc::clone).ok_or(Malformed("a place is beyond the values"))
    }
}
