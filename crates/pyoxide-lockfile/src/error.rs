//! What can be wrong with a lock file or a wheel; each message says what, where and what to do.

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{place} is not a lock file: {problem}")]
    NotALockfile { place: String, problem: String },
    #[error("{place}: the package `{name}` is listed twice, as `{first}` and `{second}`; keep one of them")]
    ListedTwice { place: String, name: String, first: String, second: String },
    #[error("{place}: `{needed_by}` needs `{requirement}`, which is not in the lock file; add a wheel of it")]
    Missing { place: String, needed_by: String, requirement: String },
    #[error("{place}: `{needed_by}` needs `{requirement}`, but the lock file has version {found}; add a wheel of a version that fits")]
    Conflict { place: String, needed_by: String, requirement: String, found: String },
    #[error("`{file}` is not named like a wheel (name-version-python-abi-platform.whl)")]
    NotAWheelName { file: String },
    #[error("The wheel `{file}` does not fit: it is for {found}; accepted are {accepted}")]
    DoesNotFit { file: String, found: String, accepted: String },
    #[error("The wheel `{file}` cannot be read: {problem}; download it again")]
    BadWheel { file: String, problem: String },
    #[error("The wheel `{file}` has the SHA-256 {found}, but {expected} was expected; download it again or correct the lock file")]
    WrongHash { file: String, found: String, expected: String },
    #[error("`{text}` is not a requirement: {problem}")]
    BadRequirement { text: String, problem: String },
    #[error("{place}: {problem}")]
    BadPylock { place: String, problem: String },
}
