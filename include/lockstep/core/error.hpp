// Errors are exceptions whose text says what was asked for, what came, where, and what to do about it.
#pragma once

#include <lockstep/core/concat.hpp>

#include <stdexcept>
#include <string>

namespace lockstep {

/// The base of everything the library throws.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An argument or option is out of its range.
struct ArgumentError : Error {
  using Error::Error;
};

/// The shapes of tensors do not go together; the text holds all shapes involved.
struct ShapeError : Error {
  using Error::Error;
};

/// A file or directory could not be read or written; the text holds path and cause.
struct IoError : Error {
  using Error::Error;
};

/// The launcher's variables, or another fact of the surroundings, do not allow the run.
struct EnvironmentError : Error {
  using Error::Error;
};

/// A collective failed: a peer died or left, a deadline passed, or the ranks disagree on what to do.
struct CommunicationError : Error {
  using Error::Error;
};

/// A checkpoint is corrupt, foreign, or does not fit what it is loaded into.
struct CheckpointError : Error {
  using Error::Error;
};

/// A value is not a finite number where one is needed.
struct NumericalError : Error {
  using Error::Error;
};

}  // namespace lockstep
