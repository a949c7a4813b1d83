// Ranks that are threads of one process: for tests, for debugging, and for machines where one process is enough.
#pragma once

#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/call/split_plan.hpp>
#include <lockstep/comm/communicator.hpp>
#include <lockstep/comm/flight_record.hpp>
#include <lockstep/comm/host/flight_reader.hpp>
#include <lockstep/comm/host/host_engine.hpp>
#include <lockstep/comm/host/mapping.hpp>
#include <lockstep/comm/host/rebuild.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/core/thread.hpp>
#include <lockstep/tensor/memory.hpp>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace lockstep {

/// Limits of a group of threads.
struct ThreadGroupOptions {
  std::chrono::nanoseconds deadline = std::chrono::seconds(60);  ///< The longest wait for a peer.
  std::chrono::nanoseconds spin =
      std::chrono::microseconds(5);  ///< Before sleeping; 0 when ranks outnumber processors.
};

namespace detail {

/// What the ranks of a group share; lives as long as any of them.
struct ThreadGroupState {
  LOCKSTEP_ON_DEMAND ThreadGroupState(int size, const ThreadGroupOptions& chosen)
      : options(chosen),
        memory(map_private(ControlPage::bytes(size, 0))),
        page(memory.data(), size, 0),
        taken(static_cast<std::size_t>(size)) {
    const cpu_set_t processors = allowed_processors();
    page.construct(CPU_COUNT(&processors));
  }

  ThreadGroupOptions options;
  Mapping memory;
  ControlPage page;
  std::vector<std::atomic<bool>> taken;
  struct Successor {
    Shared<ThreadGroupState> group = {};
    std::atomic<bool> ready{false};
  } successors[rebuild_attempts];  ///< What each attempt to rebuild this group made.
};

/// Threads see each other's memory: an address is a location.
struct ThreadTransport {
  static constexpr const char* name = "threads";
  static constexpr FutexScope scope = FutexScope::process;

  Location locate(const std::byte* address, std::size_t) const { return {0, std::bit_cast<std::uintptr_t>(address)}; }
  std::byte* reach(int, Location location, std::size_t) const {
    return std::bit_cast<std::byte*>(static_cast<std::uintptr_t>(location.offset));
  }
  int reserve(std::size_t, std::size_t) const { return 0; }
  bool is_owner() const { return true; }
  bool is_dead(int) const { return false; }
  int find_dead(const ControlPage&) const { return -1; }

  Shared<ThreadGroupState> group;
};

}  // namespace detail

/// The communicator of one thread; made by ThreadGroup.
class Threads : public detail::EngineCommunicator<detail::HostEngine<detail::ThreadTransport>> {
 public:
  using Memory = AlignedMemory;

  LOCKSTEP_ON_DEMAND Memory allocate(std::size_t bytes) {
    detail::check_count("allocate", bytes);
    engine().run({.fingerprint = {.collective = detail::Collective::allocate, .count = bytes}});
    return Memory(bytes);
  }

  /// See Communicator.
  LOCKSTEP_ON_DEMAND Threads split(int color, int key);

  /// The last calls of a rank; see `Ring::flight_record`.
  LOCKSTEP_ON_DEMAND std::vector<FlightEntry> flight_record(int rank) const {
    return detail::read_flight_record(engine().page(), rank);
  }

  /// See RebuildableCommunicator; as `Ring::rebuild`, and ThreadGroupOptions::deadline is how long ranks are waited
  /// for.
  LOCKSTEP_ON_DEMAND Threads rebuild();

 private:
  friend class ThreadGroup;
  LOCKSTEP_ON_DEMAND Threads(const Shared<detail::ThreadGroupState>& group, int rank)
      : EngineCommunicator(Shared<detail::HostEngine<detail::ThreadTransport>>::make(
            detail::ThreadTransport{group}, group->page, rank,
            detail::WaitOptions{group->options.deadline, group->options.spin})) {}
};

/// The meeting point of `size` threads. It may end before its communicators do.
class ThreadGroup {
 public:
  LOCKSTEP_ON_DEMAND explicit ThreadGroup(int size, const ThreadGroupOptions& options = {}) {
    if (size < 1 || size > detail::max_host_ranks) {
      throw ArgumentError(concat("ThreadGroup: size must be 1 to ", detail::max_host_ranks, ", got ", size));
    }
    state_ = Shared<detail::ThreadGroupState>::make(size, options);
  }

  int size() const { return state_->page.size(); }

  /// The communicator of a rank; any thread may call it, once for each rank.
  LOCKSTEP_ON_DEMAND Threads communicator(int rank) {
    if (rank < 0 || rank >= size()) {
      throw ArgumentError(concat("ThreadGroup: rank is ", rank, "; the ranks are 0 to ", size() - 1));
    }
    if (state_->taken[static_cast<std::size_t>(rank)].exchange(true)) {
      throw ArgumentError(concat("ThreadGroup: the communicator of rank ", rank, " has been handed out already"));
    }
    return Threads(state_, rank);
  }

  /// The rank that failed first, or -1.
  int first_failed_rank() const { return state_->page.group().failure.rank.load(); }

 private:
  Shared<detail::ThreadGroupState> state_;
};

template <class>
Threads Threads::split(int color, int key) {
  const detail::SplitPlan plan = detail::exchange_split(*this, color, key);
  std::vector<ThreadGroup> group;  // of the first member, who shows the others where it is
  std::int64_t own_address = 0;
  if (plan.rank == 0) {
    group.emplace_back(plan.size(), engine().transport().group->options);
    own_address = static_cast<std::int64_t>(std::bit_cast<std::uintptr_t>(group.data()));
  }
  std::vector<std::int64_t> addresses(static_cast<std::size_t>(size()));
  all_gather(std::span<const std::int64_t>(&own_address, 1), std::span<std::int64_t>(addresses));
  const auto address = static_cast<std::uintptr_t>(addresses[static_cast<std::size_t>(plan.members.front())]);
  Threads result = std::bit_cast<ThreadGroup*>(address)->communicator(plan.rank);
  barrier();  // the first member's group lives until all have looked
  return result;
}

template <class>
Threads Threads::rebuild() {
  engine().require_failure();
  const Shared<detail::ThreadGroupState> old = engine().transport().group;
  const auto is_gone = [&](int peer) { return engine().is_gone(peer); };
  return detail::rebuild_group(
      detail::ThreadTransport::name, old->page, rank(), old->options.deadline, is_gone,
      [&](const std::vector<int>& members, int attempt) {
        auto& successor = old->successors[attempt];
        if (members.front() == rank()) {
          successor.group = Shared<detail::ThreadGroupState>::make(static_cast<int>(members.size()), old->options);
          successor.ready = true;
        }
        const Deadline deadline = engine().deadline();
        while (!successor.ready) {
          if (is_gone(members.front()) || deadline.passed()) {
            throw CommunicationError(concat("threads: rank ", members.front(), " did not make the new group"));
          }
          detail::nap(std::chrono::milliseconds(1));
        }
        Threads result(successor.group, detail::place_among(members, rank()));
        result.barrier();  // all members have come
        return result;
      });
}

static_assert(RebuildableCommunicator<Threads>);

/// Runs `function(Threads)` or `function(Threads&)` on `size` threads, one rank each, and returns when all have ended.
/// When ranks throw, the others are woken out of their waits, and the exception of the rank that failed first is
/// thrown.
template <class Function>
void launch_threads(int size, const Function& function, const ThreadGroupOptions& options = {}) {
  ThreadGroup group(size, options);
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(size));
  {
    std::vector<Thread> threads;
    const auto start = [&](int rank) {
      threads.emplace_back([&, rank] {
        try {
          Threads communicator = group.communicator(rank);
          if constexpr (std::is_invocable_v<const Function&, Threads&>) {
            function(communicator);
          } else {
            function(std::move(communicator));
          }
        } catch (...) {
          errors[static_cast<std::size_t>(rank)] = std::current_exception();
        }
      });
    };
    int rank = 0;
    try {
      for (; rank < size; ++rank) start(rank);
    } catch (...) {  // no thread left: the ranks that have none leave, which ends the others
      for (; rank < size; ++rank) static_cast<void>(group.communicator(rank));
      throw;
    }
  }
  const int first = group.first_failed_rank();
  if (first >= 0 && errors[static_cast<std::size_t>(first)]) {
    std::rethrow_exception(errors[static_cast<std::size_t>(first)]);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace lockstep
