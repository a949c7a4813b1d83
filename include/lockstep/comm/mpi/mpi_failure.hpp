// What MPI says when a call fails, as an exception that the engine turns into a CommunicationError.
#pragma once

#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/core/concat.hpp>

#include <cstddef>
#include <string>

namespace lockstep::detail {

/// A call of MPI did not succeed; never leaves the engine.
struct MpiFailure {
  std::string text;
};

/// MPI's own words for an error code.
inline std::string mpi_error_text(int code) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS || length <= 0) return concat("error ", code);
  return {text, static_cast<std::size_t>(length)};
}

inline std::string describe_mpi_failure(const char* function, int code) {
  return concat(function, " failed: ", mpi_error_text(code));
}

/// Throws MpiFailure that names `function` unless `code` is MPI_SUCCESS.
inline void require_mpi(int code, const char* function) {
  if (code != MPI_SUCCESS) [[unlikely]]
    throw MpiFailure{describe_mpi_failure(function, code)};
}

}  // namespace lockstep::detail
