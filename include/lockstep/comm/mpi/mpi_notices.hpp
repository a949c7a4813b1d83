// What ranks tell each other outside of calls: that one has failed, or has left. MPI itself reports neither.
#pragma once

#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/mpi/mpi_failure.hpp>
#include <lockstep/comm/mpi/mpi_requests.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// A rank sends at most one of kind `failed`, and at last one of kind `left`.
struct MpiNotice {
  enum Kind : std::uint32_t { none, failed, left };

  Kind kind = none;
  std::uint32_t length = 0;      ///< Of the text.
  std::uint64_t started = 0;     ///< Collectives that the sender has taken part in.
  std::uint64_t sent = 0;        ///< Messages that it has sent to this receiver,
  std::uint64_t received = 0;    ///< and received from it.
  std::array<char, 736> text{};  ///< Why it failed, or its last call.

  std::string_view message() const { return {text.data(), std::min<std::size_t>(length, text.size())}; }
  void set_message(std::string_view message) {
    length = static_cast<std::uint32_t>(std::min(message.size(), text.size()));
    std::memcpy(text.data(), message.data(), length);
  }
};

/// The notices of one communicator, and MPI's handle of it. They outlive the engine: it is over when every rank has
/// left, and messages that nobody takes could be taken for those of a later communicator with the same number.
class MpiNotices {
 public:
  MpiNotices(MPI_Comm communicator, int rank, int size)
      : communicator_(communicator),
        rank_(rank),
        size_(size),
        failed_(static_cast<std::size_t>(size)),
        left_(static_cast<std::size_t>(size)),
        from_failed_(static_cast<std::size_t>(size)),
        from_left_(static_cast<std::size_t>(size)),
        sending_(communicator) {
    listen();
  }
  MpiNotices(const MpiNotices&) = delete;
  MpiNotices& operator=(const MpiNotices&) = delete;

  MPI_Comm communicator() const { return communicator_; }

  /// The notice of a rank; of kind `none` as long as there is none.
  const MpiNotice& failure_of(int peer) const { return from_failed_[static_cast<std::size_t>(peer)]; }
  const MpiNotice& farewell_of(int peer) const { return from_left_[static_cast<std::size_t>(peer)]; }

  /// The rank whose failure was heard of first, or -1.
  int first_failed() const { return first_failed_; }

  /// Takes in what has come; returns whether anything has.
  bool poll() {
    if (listening_ == MPI_REQUEST_NULL) return false;
    bool news = false;
    for (;;) {
      int done = 0;
      MPI_Status status;
      require_mpi(MPI_Test(&listening_, &done, &status), "MPI_Test");
      if (done == 0) return news;
      news = true;
      const auto peer = static_cast<std::size_t>(status.MPI_SOURCE);
      if (incoming_.kind == MpiNotice::failed) {
        from_failed_[peer] = incoming_;
        if (first_failed_ < 0) first_failed_ = static_cast<int>(peer);
      } else {
        from_left_[peer] = incoming_;
        ++farewells_;
      }
      if (farewells_ + 1 == size_) return true;
      listen();
    }
  }

  /// Tells every other rank; `notice_for(peer)` makes the notice.
  template <class NoticeFor>
  void tell(MpiNotice::Kind kind, NoticeFor notice_for) {
    std::vector<MpiNotice>& notices = kind == MpiNotice::failed ? failed_ : left_;
    for (int distance = 1; distance < size_; ++distance) {
      const int peer = (rank_ + distance) % size_;
      MpiNotice& notice = notices[static_cast<std::size_t>(peer)];
      notice = notice_for(peer);
      notice.kind = kind;
      sending_.send(reinterpret_cast<const std::byte*>(&notice), sizeof notice, peer, notice_tag);
    }
  }

  /// After this rank has left: true when all others have, and nothing is under way any more.
  bool over() {
    poll();
    return sending_.test() && farewells_ + 1 == size_;
  }

  /// Ends a communicator that is over, or that is given up. Its number may go to another communicator if nothing was
  /// left in it.
  void close(bool clean) {
    if (listening_ != MPI_REQUEST_NULL) {
      MPI_Cancel(&listening_);
      MPI_Wait(&listening_, MPI_STATUS_IGNORE);
    }
    if (clean && communicator_ != MPI_COMM_NULL && all_received()) MPI_Comm_free(&communicator_);
  }

 private:
  /// Whether no message between this rank and another is without its receive.
  bool all_received() const {
    for (std::size_t peer = 0; peer < left_.size(); ++peer) {
      if (left_[peer].sent != from_left_[peer].received || left_[peer].received != from_left_[peer].sent) return false;
    }
    return true;
  }

  void listen() {
    if (size_ == 1) return;
    require_mpi(MPI_Irecv(&incoming_, static_cast<int>(sizeof incoming_), MPI_BYTE, MPI_ANY_SOURCE, notice_tag,
                          communicator_, &listening_),
                "MPI_Irecv");
  }

  MPI_Comm communicator_;
  int rank_;
  int size_;
  int farewells_ = 0;
  int first_failed_ = -1;
  MpiNotice incoming_;
  MPI_Request listening_ = MPI_REQUEST_NULL;
  std::vector<MpiNotice> failed_, left_;            // sent
  std::vector<MpiNotice> from_failed_, from_left_;  // received
  MpiRequests sending_;
};

}  // namespace lockstep::detail
