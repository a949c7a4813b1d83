// Requests of MPI that complete together, and which peer each of them is for.
#pragma once

#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/mpi/mpi_failure.hpp>

#include <cstddef>
#include <vector>

namespace lockstep::detail {

/// Tags of the messages of a communicator; collectives use none of MPI's own, unless order is given up for speed.
enum MpiTag : int {
  agreement_tag = 1,
  exchange_tag,
  collection_tag,
  broadcast_tag,
  message_tag,
  message_body_tag,
  notice_tag,
};

/// A list that keeps its memory; after the first uses nothing allocates.
class MpiRequests {
 public:
  explicit MpiRequests(MPI_Comm communicator) : communicator_(communicator) {}
  MpiRequests(MpiRequests&&) noexcept = default;
  MpiRequests& operator=(MpiRequests&&) noexcept = default;

  bool empty() const { return requests_.empty(); }

  /// At most 2^31 - 1 bytes.
  void send(const std::byte* from, std::size_t bytes, int peer, MpiTag tag) {
    MPI_Request& request = add(peer, false);
    require_mpi(MPI_Isend(from, static_cast<int>(bytes), MPI_BYTE, peer, tag, communicator_, &request), "MPI_Isend");
  }
  void receive(std::byte* to, std::size_t bytes, int peer, MpiTag tag) {
    MPI_Request& request = add(peer, true);
    require_mpi(MPI_Irecv(to, static_cast<int>(bytes), MPI_BYTE, peer, tag, communicator_, &request), "MPI_Irecv");
  }
  /// For a request that the caller starts and that cannot be cancelled.
  MPI_Request& add_collective() { return add(-1, false); }

  /// True when all are complete; the list is empty then.
  bool test() {
    if (requests_.empty()) return true;
    int done = 0;
    const int code = MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, statuses_.data());
    if (code != MPI_SUCCESS) [[unlikely]] {
      require_mpi(code == MPI_ERR_IN_STATUS ? first_error() : code, "MPI_Testall");
    }
    if (done == 0) return false;
    clear();
    return true;
  }

  /// Takes back the receives that no message has come for. Both kinds of requests remain to be tested.
  void cancel_receives() {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      if (owners_[i].receives && requests_[i] != MPI_REQUEST_NULL) static_cast<void>(MPI_Cancel(&requests_[i]));
    }
  }

  /// Whether something that `peer` has to send has not come yet; looks closely, for error texts.
  bool awaits(int peer) const {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      if (owners_[i].peer == peer && requests_[i] != MPI_REQUEST_NULL) {
        int done = 0;
        if (MPI_Request_get_status(requests_[i], &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done == 0) return true;
      }
    }
    return false;
  }

  /// Forgets requests that will never complete.
  void clear() {
    requests_.clear();
    owners_.clear();
  }

 private:
  struct Owner {
    int peer;
    bool receives;
  };

  MPI_Request& add(int peer, bool receives) {
    owners_.push_back({peer, receives});
    requests_.push_back(MPI_REQUEST_NULL);
    if (statuses_.size() < requests_.size()) statuses_.resize(requests_.size());
    return requests_.back();
  }

  int first_error() const {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      const int code = statuses_[i].MPI_ERROR;
      if (code != MPI_SUCCESS && code != MPI_ERR_PENDING) return code;
    }
    return MPI_ERR_UNKNOWN;
  }

  MPI_Comm communicator_;
  std::vector<MPI_Request> requests_;
  std::vector<Owner> owners_;
  std::vector<MPI_Status> statuses_;
};

}  // namespace lockstep::detail
