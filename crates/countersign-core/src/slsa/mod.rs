//! SLSA provenance against what is expected of it, as the specification asks: the builder together with who signed, source,
//! ref, build type, and parameters of which an unknown one is refused. The subject is compared elsewhere, by digest only.

pub mod builders;
pub mod expectations;
pub mod facts;
pub mod file;
mod platforms;
pub mod version;

pub use builders::{BuilderName, SignerFacts};
pub use expectations::{Expectations, ExpectedBuilder};
pub use facts::{Dependency, Facts, FactsError, Repository};
pub use file::{ExpectationsFile, ExpectedIdentity, Package, SummaryExpectations};
