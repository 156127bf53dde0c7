//! Statements to signed bundles: with a key file, with a key on a token (PKCS#11) or in a key service (a plugin), with a
//! person's SSH key through `ssh-keygen`, or (feature `online`) with an identity that a Sigstore instance vouches for.
//!
//! This crate reads key files, loads the library of a token, and starts `ssh-keygen` and plugins. It collects nothing, reads
//! no bundle that others wrote, and verifies nothing but its own signatures: what it signed is judged by whoever trusts the
//! key.

mod access;
mod check;
mod error;
mod key_file;
#[cfg(feature = "online")]
pub mod keyless;
mod kms;
mod note;
mod pem;
mod person;
mod place;
mod program;
mod sealed;
mod ssh;
mod statement;
#[cfg(test)]
mod testkit;
mod token;

pub use access::{Ask, KeyAccess};
pub use error::{KeyFault, KeyFileError, KeyWriteError, SignError, SshError};
pub use key_file::{KeyKind, SigningKey, public_path};
pub use kms::KmsFault;
pub use note::{LogSigner, NotALogKey};
pub use person::PersonKey;
pub use place::KeyPlace;
pub use ssh::{SshKey, SshKeygen, ssh_public_key, ssh_sign};
pub use statement::sign_payload;
pub use token::{TokenFault, TokenUri, TokenUriError};
