// What can be chosen about a communicator over MPI.
#pragma once

#include <lockstep/core/chrono.hpp>

#include <cstdint>

namespace lockstep {

/// Limits of a communicator over MPI.
struct MpiOptions {
  std::chrono::nanoseconds deadline = std::chrono::seconds(60);          ///< The longest wait for a peer in a call.
  std::chrono::nanoseconds connect_deadline = std::chrono::seconds(60);  ///< For all ranks to make the communicator.
  std::chrono::nanoseconds spin =
      std::chrono::microseconds(20);  ///< Before giving way to others; 0 when ranks outnumber processors.
};

/// Who decides in which order elements are combined.
enum class MpiOrder : std::uint8_t {
  canonical,  ///< The library: the same bits as every other communicator.
  native,     ///< MPI, for the types that it knows: bits may depend on the MPI, the size and the hosts.
};

}  // namespace lockstep
