//! Statements to signed bundles: with a key file, with a key on a token (PKCS#11), with a person's SSH key through
//! `ssh-keygen`, or (feature `online`) with an identity that a Sigstore instance vouches for.
//!
//! This crate reads key files, loads the library of a token, and starts `ssh-keygen`. It collects nothing, reads no bundle that others wrote, and
//! verifies nothing: what it signed is judged by whoever trusts the key.

mod error;
mod key_file;
#[cfg(feature = "online")]
pub mod keyless;
mod note;
mod pem;
mod person;
mod place;
mod ssh;
mod statement;
#[cfg(test)]
mod testkit;
mod token;

pub use error::{KeyFault, KeyFileError, KeyWriteError, SignError, SshError};
pub use key_file::{KeyKind, SigningKey, public_path};
pub use note::{LogSigner, NotALogKey};
pub use person::PersonKey;
pub use place::KeyPlace;
pub use ssh::{SshKey, SshKeygen, ssh_public_key, ssh_sign};
pub use statement::sign_payload;
pub use token::{TokenAccess, TokenFault, TokenUri, TokenUriError};
