// How every collective begins: all ranks learn what each of them calls, before anyone touches another's data, and with
// it the data of small calls. What is sent has the same form whatever is called, so ranks that disagree find out.
#pragma once

#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/mpi/mpi_requests.hpp>
#include <lockstep/tensor/memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace lockstep::detail {

/// What a rank says of its call; the data of a small call follow.
struct MpiRecord {
  std::uint64_t fingerprint = 0;
  std::uint64_t detail = 0;  ///< A hash of what the fingerprint does not hold.

  bool operator==(const MpiRecord&) const = default;
};

/// The records of one collective. Few ranks send them to each other directly; more pass them on in a number of steps
/// that grows with the logarithm of the ranks (Bruck et al., "Efficient algorithms for all-to-all communications in
/// multiport message-passing systems", 1997).
class MpiAgreement {
 public:
  static constexpr int few_ranks = 8;

  MpiAgreement(MPI_Comm communicator, int rank, int size) : MpiAgreement(communicator, rank, size, size <= few_ranks) {}
  MpiAgreement(MPI_Comm communicator, int rank, int size, bool direct)
      : rank_(rank),
        size_(size),
        direct_(direct),
        memory_(record_bytes(size) * static_cast<std::size_t>(size)),
        requests_(communicator) {}

  /// Room for data behind each record.
  static constexpr std::size_t payload_bytes(int size) { return record_bytes(size) - sizeof(MpiRecord); }

  const MpiRecord& record(int rank) const { return *reinterpret_cast<const MpiRecord*>(place(rank)); }
  std::byte* payload(int rank) { return place(rank) + sizeof(MpiRecord); }

  /// Sends the record of this rank and so many bytes of its payload. Needs the last use of this object to be over.
  void start(const MpiRecord& record, std::size_t payload) {
    *reinterpret_cast<MpiRecord*>(place(rank_)) = record;
    known_ = 1;
    if (!direct_) return exchange_blocks();
    for (int distance = 1; distance < size_; ++distance) {
      const int peer = (rank_ + size_ - distance) % size_;
      requests_.receive(place(peer), record_bytes(size_), peer, agreement_tag);
    }
    for (int distance = 1; distance < size_; ++distance) {
      requests_.send(place(rank_), sizeof(MpiRecord) + payload, (rank_ + distance) % size_, agreement_tag);
    }
    known_ = size_;
  }

  /// True when all records are here, and those of this rank have left.
  bool test() {
    while (requests_.test()) {
      if (known_ == size_) return true;
      exchange_blocks();
    }
    return false;
  }

  bool awaits(int peer) const { return requests_.awaits(peer); }
  MpiRequests& requests() { return requests_; }
  AlignedMemory take_memory() { return std::move(memory_); }

 private:
  static constexpr std::size_t record_bytes(int size) { return size <= few_ranks ? 2048 : 256; }

  // Records lie in the order of ranks that begins with this one, so that what is passed on is one block.
  std::byte* place(int rank) const {
    return memory_.data() + static_cast<std::size_t>((rank - rank_ + size_) % size_) * record_bytes(size_);
  }

  /// The records of this rank and the known_ - 1 after it become those of up to twice as many.
  void exchange_blocks() {
    const int distance = known_;
    const int count = std::min(known_, size_ - known_);
    const std::size_t bytes = static_cast<std::size_t>(count) * record_bytes(size_);
    requests_.receive(place((rank_ + distance) % size_), bytes, (rank_ + distance) % size_, agreement_tag);
    requests_.send(place(rank_), bytes, (rank_ - distance + size_) % size_, agreement_tag);
    known_ += count;
  }

  int rank_;
  int size_;
  bool direct_;
  int known_ = 0;  // records that are here or on their way
  AlignedMemory memory_;
  MpiRequests requests_;
};

}  // namespace lockstep::detail
