// One collective over MPI: how its data travel after the ranks have agreed. A call is cut into rounds, so that one
// round is combined while the next is on its way and scratch memory is small; each round has two steps.
#pragma once

#include <lockstep/comm/host/combine.hpp>
#include <lockstep/comm/host/operation.hpp>
#include <lockstep/comm/mpi/mpi_agreement.hpp>
#include <lockstep/comm/mpi/mpi_api.hpp>
#include <lockstep/comm/mpi/mpi_requests.hpp>
#include <lockstep/comm/mpi/mpi_types.hpp>
#include <lockstep/tensor/memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lockstep::detail {

/// The ways of the data, chosen from the call alone.
enum class MpiPath : std::uint8_t {
  none,      ///< With the records, or there are none.
  flat,      ///< Whole inputs go to all who need the result; each combines for itself.
  sliced,    ///< Each rank combines a slice, then slices go to all who need them.
  moved,     ///< Straight from an input to an output.
  cascaded,  ///< From the root down a binomial tree.
  native,    ///< By a reduction of MPI, in MPI's order.
};

struct MpiOperation {
  Operation operation;
  MpiPath path = MpiPath::none;
  bool in_records = false;  ///< The data came with the records.
  bool agreed = false;
  std::size_t chunk = 1;       ///< Bytes of a piece in one round.
  std::uint64_t posted = 0;    ///< Rounds begun,
  std::uint64_t finished = 0;  ///< and done.

  MpiOperation() = default;
  MpiOperation(const Call& call, int size, bool native) : operation(call, size, std::size_t{1} << 20) {
    const std::size_t longest = operation.longest;
    const auto ranks = static_cast<std::size_t>(size);
    in_records = longest <= MpiAgreement::payload_bytes(size) / operation.regions(size);
    if (longest == 0 || in_records || size == 1) return;
    const Collective collective = operation.collective();
    if (collective == Collective::barrier || collective == Collective::allocate) return;
    const Fingerprint& call_print = call.fingerprint;
    if (is_reduction(collective)) {
      if (native && longest * operation.regions(size) <= native_limit(collective) &&
          mpi_reduction(call_print.dtype, call_print.reduction)) {
        path = MpiPath::native;
        chunk = native_chunk;
      } else if (collective == Collective::reduce_scatter) {
        path = MpiPath::sliced;
        chunk = align_up(std::max<std::size_t>(round_bytes / ranks, 16384));
      } else {
        path = longest <= flat_bytes / ranks ? MpiPath::flat : MpiPath::sliced;
        chunk = std::max(round_bytes, align_up(ranks * 16384));
      }
    } else if (collective == Collective::broadcast) {
      path = MpiPath::cascaded;
      chunk = round_bytes;
    } else {
      path = MpiPath::moved;
      chunk = std::size_t{16} << 20;
    }
  }

  const Call& call() const { return operation.call; }
  std::uint64_t rounds() const { return path == MpiPath::none ? 0 : (operation.longest + chunk - 1) / chunk; }

 private:
  static constexpr std::size_t flat_bytes = 32768;
  static constexpr std::size_t round_bytes = std::size_t{1} << 20;
  static constexpr std::size_t native_chunk = std::size_t{256} << 20;

  static constexpr std::size_t native_limit(Collective collective) {
    return collective == Collective::reduce_scatter ? native_chunk : ~std::size_t{0};
  }
};

/// A part of an operation on its way: messages to and from other ranks, work, messages again.
class MpiRound {
 public:
  MpiRound(MPI_Comm communicator, int rank, int size)
      : communicator_(communicator),
        rank_(rank),
        size_(size),
        pointers_(static_cast<std::size_t>(size)),
        requests_(communicator) {}

  std::uint64_t operation_number() const { return number_; }
  bool awaits(int peer) const { return requests_.awaits(peer); }
  MpiRequests& requests() { return requests_; }
  AlignedMemory take_memory() { return std::move(scratch_); }

  /// Begins the next round of an operation.
  void start(MpiOperation& operation, std::uint64_t number) {
    number_ = number;
    offset_ = operation.posted++ * operation.chunk;
    length_ = std::min(operation.chunk, operation.operation.longest - offset_);
    collecting_ = false;
    exchange(operation);
  }

  /// Goes as far as it can; true when the round is done. `moved` becomes true at every step. To be called only when all
  /// rounds before this one are collecting: ranks must not send what they collect in different orders.
  bool advance(const MpiOperation& operation, bool& moved) {
    if (!requests_.test()) return false;
    moved = true;
    if (collecting_) return true;
    combine(operation);
    collecting_ = true;
    collect(operation);
    return requests_.test();
  }
  bool collecting() const { return collecting_; }

 private:
  template <class Function>
  void for_each_peer(Function function) {  // each rank begins with another one
    for (int distance = 1; distance < size_; ++distance) function((rank_ + distance) % size_);
  }

  void send(const std::byte* from, std::size_t bytes, int peer) {
    if (bytes > 0) requests_.send(from, bytes, peer, collecting_ ? collection_tag : exchange_tag);
  }
  void receive(std::byte* to, std::size_t bytes, int peer) {
    if (bytes > 0) requests_.receive(to, bytes, peer, collecting_ ? collection_tag : exchange_tag);
  }

  static std::size_t at(int rank, std::size_t bytes) { return static_cast<std::size_t>(rank) * bytes; }

  /// Bytes of a rank's piece in this round.
  std::size_t passing(const MpiOperation& operation, int rank) const {
    const std::size_t piece = operation.operation.piece_of(rank);
    return offset_ < piece ? std::min(length_, piece - offset_) : 0;
  }

  // Slices of what is combined in this round; reduce_scatter has one for each rank from the start.
  std::size_t slice_begin(int rank) const { return share_begin(length_, rank, size_); }
  std::size_t slice_length(int rank) const { return slice_begin(rank + 1) - slice_begin(rank); }
  static bool wants_result(const MpiOperation& operation, int rank) {
    return operation.operation.collective() != Collective::reduce || operation.operation.root() == rank;
  }

  std::byte* scratch(int rank) { return scratch_.data() + at(rank, stride_); }
  void reserve_scratch(std::size_t stride) {
    stride_ = align_up(stride);
    const std::size_t bytes = stride_ * static_cast<std::size_t>(size_);
    if (scratch_.size() < bytes) scratch_ = AlignedMemory(bytes);
  }

  void exchange(const MpiOperation& operation) {
    switch (operation.path) {
      case MpiPath::flat:
        reserve_scratch(length_);
        for_each_peer([&](int peer) {
          if (wants_result(operation, rank_)) receive(scratch(peer), length_, peer);
          if (wants_result(operation, peer)) send(operation.call().input + offset_, length_, peer);
        });
        break;
      case MpiPath::sliced:
        exchange_slices(operation);
        break;
      case MpiPath::moved:
        move(operation);
        break;
      case MpiPath::cascaded:
        if (const int parent = tree_parent(operation.operation.root()); parent >= 0) {
          requests_.receive(operation.call().output + offset_, length_, parent, broadcast_tag);
        }
        break;
      case MpiPath::native:
        reduce_by_mpi(operation);
        break;
      case MpiPath::none:
        break;
    }
  }

  void exchange_slices(const MpiOperation& operation) {
    const Call& call = operation.call();
    if (operation.operation.collective() == Collective::reduce_scatter) {
      reserve_scratch(length_);
      for_each_peer([&](int peer) {
        receive(scratch(peer), length_, peer);
        send(call.input + at(peer, call.piece) + offset_, length_, peer);
      });
      return;
    }
    reserve_scratch(length_ / static_cast<std::size_t>(size_) + 128);
    for_each_peer([&](int peer) {
      receive(scratch(peer), slice_length(rank_), peer);
      send(call.input + offset_ + slice_begin(peer), slice_length(peer), peer);
    });
  }

  void combine(const MpiOperation& operation) {
    const Call& call = operation.call();
    if (operation.path == MpiPath::native) {
      finish_native(operation);
      return;
    }
    if (operation.path != MpiPath::flat && operation.path != MpiPath::sliced) return;
    const std::byte* own = call.input + offset_;
    std::byte* result = call.output == nullptr ? nullptr : call.output + offset_;
    std::size_t bytes = length_;
    if (operation.operation.collective() == Collective::reduce_scatter) {
      own += at(rank_, call.piece);
    } else if (operation.path == MpiPath::sliced) {
      own += slice_begin(rank_);
      bytes = slice_length(rank_);
      result = wants_result(operation, rank_) ? result + slice_begin(rank_) : scratch(rank_);
    } else if (!wants_result(operation, rank_)) {
      return;
    }
    if (bytes == 0) return;
    for (int peer = 0; peer < size_; ++peer) {
      pointers_[static_cast<std::size_t>(peer)] = peer == rank_ ? own : scratch(peer);
    }
    call.reduce(call.fingerprint.reduction, pointers_.data(), size_, &result, 1, bytes / call.element);
  }

  /// What all_reduce and reduce do with combined slices, and broadcast with what has come from above.
  void collect(const MpiOperation& operation) {
    const Collective collective = operation.operation.collective();
    std::byte* const output = operation.call().output;
    if (operation.path == MpiPath::cascaded) {
      for_each_child(operation.operation.root(), [&](int child) {
        requests_.send(output + offset_, length_, child, broadcast_tag);  // as it was received, one step earlier
      });
    } else if (operation.path == MpiPath::sliced && collective != Collective::reduce_scatter) {
      const bool receives = wants_result(operation, rank_);
      const std::byte* own = receives ? output + offset_ + slice_begin(rank_) : scratch(rank_);
      for_each_peer([&](int peer) {
        if (receives) receive(output + offset_ + slice_begin(peer), slice_length(peer), peer);
        if (wants_result(operation, peer)) send(own, slice_length(rank_), peer);
      });
    }
  }

  void move(const MpiOperation& operation) {
    const Call& call = operation.call();
    const int root = operation.operation.root();
    const std::size_t own = passing(operation, rank_);
    switch (operation.operation.collective()) {
      case Collective::all_gather:
      case Collective::all_gather_ragged: {
        std::size_t position = offset_, own_position = 0;
        for (int peer = 0; peer < size_; ++peer) {
          if (peer == rank_) {
            own_position = position;
          } else {
            receive(call.output + position, passing(operation, peer), peer);
          }
          position += operation.operation.piece_of(peer);
        }
        for_each_peer([&](int peer) { send(call.input + offset_, own, peer); });
        copy_bytes(call.output + own_position, call.input + offset_, own);
        break;
      }
      case Collective::gather:
        if (rank_ != root) {
          send(call.input + offset_, own, root);
        } else {
          for_each_peer([&](int peer) { receive(call.output + at(peer, call.piece) + offset_, length_, peer); });
          copy_bytes(call.output + at(rank_, call.piece) + offset_, call.input + offset_, own);
        }
        break;
      case Collective::scatter:
        if (rank_ != root) {
          receive(call.output + offset_, own, root);
        } else {
          for_each_peer([&](int peer) { send(call.input + at(peer, call.piece) + offset_, length_, peer); });
          copy_bytes(call.output + offset_, call.input + at(rank_, call.piece) + offset_, own);
        }
        break;
      case Collective::all_to_all:
        for_each_peer([&](int peer) {
          receive(call.output + at(peer, call.piece) + offset_, length_, peer);
          send(call.input + at(peer, call.piece) + offset_, length_, peer);
        });
        copy_bytes(call.output + at(rank_, call.piece) + offset_, call.input + at(rank_, call.piece) + offset_, own);
        break;
      default:
        break;
    }
  }

  // The binomial tree of a broadcast: ranks counted from the root; a rank's parent lacks its lowest bit.
  int relative_to(int root) const { return (rank_ - root + size_) % size_; }
  int tree_parent(int root) const {
    const int relative = relative_to(root);
    return relative == 0 ? -1 : ((relative & (relative - 1)) + root) % size_;
  }
  template <class Function>
  void for_each_child(int root, Function function) const {
    const int relative = relative_to(root);
    int bit = 1;
    while (bit < size_ && (relative & bit) == 0) bit *= 2;
    for (bit /= 2; bit > 0; bit /= 2) {  // the child with the largest subtree first
      if (relative + bit < size_) function((relative + bit + root) % size_);
    }
  }

  void reduce_by_mpi(const MpiOperation& operation) {
    const Call& call = operation.call();
    const MpiReduction reduction = mpi_reduction(call.fingerprint.dtype, call.fingerprint.reduction);
    const auto count = static_cast<int>(length_ / call.element);
    const std::byte* input = call.input + offset_;
    std::byte* output = call.output == nullptr ? nullptr : call.output + offset_;
    MPI_Request& request = requests_.add_collective();
    switch (operation.operation.collective()) {
      case Collective::all_reduce:
        require_mpi(
            MPI_Iallreduce(MPI_IN_PLACE, output, count, reduction.type, reduction.operation, communicator_, &request),
            "MPI_Iallreduce");
        break;
      case Collective::reduce:
        require_mpi(MPI_Ireduce(input == output ? MPI_IN_PLACE : input, output, count, reduction.type,
                                reduction.operation, operation.operation.root(), communicator_, &request),
                    "MPI_Ireduce");
        break;
      default:  // the output may be a part of the input, which MPI does not allow
        reserve_scratch(length_);
        require_mpi(MPI_Ireduce_scatter_block(input, scratch(0), count, reduction.type, reduction.operation,
                                              communicator_, &request),
                    "MPI_Ireduce_scatter_block");
        break;
    }
  }

  void finish_native(const MpiOperation& operation) {
    const Call& call = operation.call();
    if (call.output == nullptr) return;
    std::byte* output = call.output + offset_;
    if (operation.operation.collective() == Collective::reduce_scatter) copy_bytes(output, scratch(0), length_);
    if (call.fingerprint.reduction == Reduction::mean) call.scale(output, length_ / call.element, size_);
  }

  MPI_Comm communicator_;
  int rank_;
  int size_;
  std::uint64_t number_ = 0;
  std::size_t offset_ = 0;  // of this round in each piece
  std::size_t length_ = 0;
  std::size_t stride_ = 0;  // between the parts of scratch
  bool collecting_ = false;
  AlignedMemory scratch_;
  std::vector<const std::byte*> pointers_;
  MpiRequests requests_;
};

}  // namespace lockstep::detail
