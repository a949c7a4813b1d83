// Ranks that are processes of one host, over shared memory. Each rank combines its slice straight out of everyone's
// buffers and stores the result in all of them: 2N bytes of memory traffic per rank, the floor for an all-reduce.
#pragma once

#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/call/split_plan.hpp>
#include <lockstep/comm/communicator.hpp>
#include <lockstep/comm/flight_record.hpp>
#include <lockstep/comm/host/arena.hpp>
#include <lockstep/comm/host/flight_reader.hpp>
#include <lockstep/comm/host/host_engine.hpp>
#include <lockstep/comm/host/rebuild.hpp>
#include <lockstep/comm/host/ring_rendezvous.hpp>
#include <lockstep/comm/launch/job_secret.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/comm/launch/rendezvous_name.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/shared.hpp>

#include <poll.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lockstep {

/// How a process finds its ring, and the limits of its waits.
struct RingOptions {
  int rank = 0;
  int size = 1;
  std::string name = {};  ///< Under which the ranks meet: the same on all ranks, different for any two jobs.
  std::optional<JobSecret> secret = {};  ///< When rank 0 has one, it lets in only those who know it.
  std::chrono::nanoseconds connect_deadline = std::chrono::seconds(60);  ///< For all ranks to meet.
  std::chrono::nanoseconds deadline = std::chrono::seconds(60);          ///< The longest wait for a peer in a call.
  std::chrono::nanoseconds spin =
      std::chrono::microseconds(5);        ///< Before sleeping; 0 when ranks outnumber processors.
  std::size_t staging_bytes = 512 * 1024;  ///< Per rank, for buffers that are not from allocate(); the same on all.

  /// The options that fit a job as its launcher described it.
  LOCKSTEP_ON_DEMAND static RingOptions from(const LaunchEnvironment& environment) {
    require_one_host(environment, "Ring");
    RingOptions options;
    options.rank = environment.rank;
    options.size = environment.world_size;
    options.name = rendezvous_name(environment);
    if (!environment.secret_file.empty()) options.secret = read_job_secret(environment.secret_file);
    return options;
  }
};

namespace detail {

/// Processes reach the memory that they have allocated together; everything else is staged.
class RingTransport {
 public:
  static constexpr const char* name = "ring";
  static constexpr FutexScope scope = FutexScope::shared;

  LOCKSTEP_ON_DEMAND RingTransport(int rank, RingLinks links) : rank_(rank), links_(std::move(links)) {
    for (std::size_t peer = 0; peer < links_.deaths.size(); ++peer) {
      if (static_cast<int>(peer) == rank_) continue;
      if (links_.deaths[peer]) watch(static_cast<int>(peer), links_.deaths[peer], POLLIN);
    }
    for (std::size_t index = 0; index < links_.sockets.size(); ++index) {
      if (links_.sockets[index]) watch(static_cast<int>(index), links_.sockets[index], 0);
    }
  }

  Location locate(const std::byte* address, std::size_t bytes) const {
    const ArenaTable::Entry* entry = arenas_->by_address(address, bytes);
    if (entry == nullptr) return {Location::staged, 0};
    return {entry->number, static_cast<std::uint64_t>(address - entry->own)};
  }

  std::byte* reach(int peer, Location location, std::size_t bytes) const {
    const ArenaTable::Entry* entry = arenas_->by_number(location.space);
    if (entry == nullptr || location.offset > entry->part || bytes > entry->part - location.offset) return nullptr;
    return entry->base + static_cast<std::size_t>(peer) * entry->part + location.offset;
  }

  int reserve(std::size_t offset, std::size_t bytes) const { return reserve_pages(links_.control, offset, bytes); }

  bool is_owner() const { return ::getpid() == process_; }

  LOCKSTEP_ON_DEMAND bool is_dead(int peer) {
    for (std::size_t index = 0; index < watched_.size(); ++index) {
      if (watched_ranks_[index] != peer) continue;
      if (::poll(&watched_[index], 1, 0) > 0) return true;
    }
    return false;
  }

  LOCKSTEP_ON_DEMAND int find_dead(const ControlPage& page) {
    if (::poll(watched_.data(), watched_.size(), 0) <= 0) return -1;
    for (std::size_t index = 0; index < watched_.size(); ++index) {
      if ((watched_[index].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      if (page.rank(watched_ranks_[index]).identity.state.load() != RankState::left) return watched_ranks_[index];
    }
    return -1;
  }

  const FileDescriptor& control() const { return links_.control; }
  const FileDescriptor& death(int peer) const { return links_.deaths[static_cast<std::size_t>(peer)]; }
  const FileDescriptor& socket(int peer) const { return links_.sockets[static_cast<std::size_t>(peer)]; }
  const Shared<ArenaTable>& arenas() const { return arenas_; }
  std::uint64_t next_arena_number() { return ++arena_count_; }
  Mapping control_mapping;

 private:
  LOCKSTEP_ON_DEMAND void watch(int peer, const FileDescriptor& descriptor, short events) {
    watched_.push_back({descriptor.get(), events, 0});
    watched_ranks_.push_back(peer);
  }

  int rank_;
  pid_t process_ = ::getpid();
  RingLinks links_;
  std::vector<pollfd> watched_;
  std::vector<int> watched_ranks_;
  Shared<ArenaTable> arenas_ = Shared<ArenaTable>::make();
  std::uint64_t arena_count_ = 0;
};

}  // namespace detail

/// The communicator of one process among the processes of a host. A copy of the process made by fork() must not use it;
/// there its destructor only closes what the copy holds.
class Ring : public detail::EngineCommunicator<detail::HostEngine<detail::RingTransport>> {
 public:
  using Memory = detail::ArenaMemory;

  /// Meets the other ranks; throws CommunicationError when they do not all come in time.
  LOCKSTEP_ON_DEMAND explicit Ring(const RingOptions& options) : Ring(options, {}) {}
  LOCKSTEP_ON_DEMAND explicit Ring(const LaunchEnvironment& environment) : Ring(RingOptions::from(environment)) {}

  /// Memory that all ranks map. Throws CommunicationError on every rank when one of them cannot have it; the
  /// communicator stays usable then.
  LOCKSTEP_ON_DEMAND Memory allocate(std::size_t bytes) {
    detail::check_count("allocate", bytes);
    engine().run({.fingerprint = {.collective = detail::Collective::allocate, .count = bytes}});
    detail::RingTransport& transport = engine().transport();
    const std::size_t unit = bytes >= detail::huge_page ? detail::huge_page : 4096;
    const std::size_t part = (bytes / unit + (bytes % unit != 0 || bytes == 0)) * unit;
    const std::size_t all = part * static_cast<std::size_t>(size());
    detail::Mapping mapping;
    int status = 0;
    const FileDescriptor memory = rank() == 0 ? hand_out_memory(all, status) : receive_memory(all, status);
    if (status == 0) {
      mapping = detail::map_shared(memory, all);
      status = mapping.data() == nullptr ? errno
                                         : detail::reserve_pages(memory, part * static_cast<std::size_t>(rank()), part);
    }
    check_everywhere(status, bytes);
    const std::uint64_t number = transport.next_arena_number();
    std::byte* own = mapping.data() + part * static_cast<std::size_t>(rank());
    transport.arenas()->add({number, mapping.data(), part, own});
    return Memory(transport.arenas(), number, std::move(mapping), own, bytes);
  }

  /// See Communicator. The ranks of a part meet under a name of their own.
  LOCKSTEP_ON_DEMAND Ring split(int color, int key) {
    const detail::SplitPlan plan = detail::exchange_split(*this, color, key);
    RingOptions part = options_;
    part.rank = plan.rank;
    part.size = plan.size();
    part.name = derived_rendezvous_name(options_.name, concat("split ", ++splits_, " color ", color));
    return Ring(part);
  }

  /// The last calls of a rank, up to 1,024, oldest first; also of ranks that are dead, and after a failure. When
  /// LOCKSTEP_FLIGHT_RECORD names a directory, a rank that fails writes all ranks' last calls to its file rank-R.txt.
  LOCKSTEP_ON_DEMAND std::vector<FlightEntry> flight_record(int rank) const {
    return detail::read_flight_record(engine().page(), rank);
  }

  /// See RebuildableCommunicator. Throws ArgumentError while nothing has failed. A rank goes on when it is alive and
  /// calls this before one of those who called it has waited for RingOptions::connect_deadline; one that comes later
  /// gets a CommunicationError. Ranks that are lost on the way, rank 0 too, do not keep the others from going on.
  LOCKSTEP_ON_DEMAND Ring rebuild() {
    engine().require_failure();
    const detail::ControlPage& page = engine().page();
    return detail::rebuild_group(
        detail::RingTransport::name, page, rank(), options_.connect_deadline,
        [&](int peer) { return engine().is_gone(peer); },
        [&](const std::vector<int>& members, int attempt) {
          std::vector<int> deaths;
          for (const int member : members) deaths.push_back(engine().transport().death(member).get());
          const auto& group = page.group().rebuild.group;
          RingOptions next = options_;
          next.rank = detail::place_among(members, rank());
          next.size = static_cast<int>(members.size());
          next.name =
              derived_rendezvous_name(options_.name, concat("rebuild ", group[0], " ", group[1], " attempt ", attempt));
          return Ring(next, std::move(deaths));
        });
  }

 private:
  LOCKSTEP_ON_DEMAND Ring(const RingOptions& options, std::vector<int> deaths)
      : EngineCommunicator(meet(options, std::move(deaths))), options_(options) {
    const int status =
        engine().transport().reserve(engine().page().staging_offset(rank()), engine().page().staging_bytes());
    check_everywhere(status, options.staging_bytes);
  }

  struct MemoryNotice {
    std::uint64_t bytes = 0;
    std::int32_t status = 0;
    std::int32_t reserved = 0;
  };

  LOCKSTEP_ON_DEMAND static Shared<detail::HostEngine<detail::RingTransport>> meet(const RingOptions& options,
                                                                                   std::vector<int> deaths) {
    if (options.size < 1 || options.size > detail::max_host_ranks || options.rank < 0 || options.rank >= options.size) {
      throw ArgumentError(concat("Ring: rank ", options.rank, " of ", options.size, " is not possible; size is 1 to ",
                                 detail::max_host_ranks, ", rank is 0 to size - 1"));
    }
    if (options.staging_bytes < 65536 || options.staging_bytes % 8192 != 0) {
      throw ArgumentError(
          concat("Ring: staging_bytes must be a multiple of 8192 from 65536 on, got ", options.staging_bytes));
    }
    detail::RingTransport transport(
        options.rank,
        detail::meet_ring({options.rank, options.size, options.name, options.secret, options.staging_bytes,
                           Deadline::after(options.connect_deadline), std::move(deaths)}));
    transport.control_mapping =
        detail::map_shared(transport.control(), detail::ControlPage::bytes(options.size, options.staging_bytes), true);
    std::byte* base = transport.control_mapping.data();
    if (base == nullptr) {
      throw CommunicationError(
          concat("ring: rank ", options.rank, " cannot map the control memory: ", std::strerror(errno)));
    }
    return Shared<detail::HostEngine<detail::RingTransport>>::make(
        std::move(transport), detail::ControlPage(base, options.size, options.staging_bytes), options.rank,
        detail::WaitOptions{options.deadline, options.spin});
  }

  /// Rank 0 makes the memory and passes it to every rank, or tells them why it cannot.
  LOCKSTEP_ON_DEMAND FileDescriptor hand_out_memory(std::size_t bytes, int& status) {
    FileDescriptor memory = detail::make_sealed_memory(bytes);
    if (!memory) status = errno;
    const MemoryNotice notice{bytes, status, 0};
    const int handle = memory.get();
    const std::span<const int> passed = memory ? std::span<const int>(&handle, 1) : std::span<const int>();
    for (int peer = 1; peer < size(); ++peer) {
      if (!detail::send_message(engine().transport().socket(peer), notice, passed, engine().deadline())) {
        fail_exchange(peer, bytes);
      }
    }
    return memory;
  }

  LOCKSTEP_ON_DEMAND FileDescriptor receive_memory(std::size_t bytes, int& status) {
    MemoryNotice notice;
    std::vector<FileDescriptor> descriptors;
    if (!detail::receive_message(engine().transport().socket(0), notice, descriptors, engine().deadline())) {
      fail_exchange(0, bytes);
    }
    status = notice.status;
    if (status != 0) return {};
    if (descriptors.size() != 1) {  // the kernel drops what finds no free descriptor
      status = EMFILE;
      return {};
    }
    if (!detail::is_sealed_memory(descriptors[0], bytes)) {
      engine().fail(concat(detail::describe_rank(engine().page(), 0), " passed something that is not sealed memory of ",
                           bytes, " bytes in allocate"));
    }
    return std::move(descriptors[0]);
  }

  LOCKSTEP_ON_DEMAND [[noreturn]] void fail_exchange(int peer, std::size_t bytes) {
    const int dead = engine().transport().find_dead(engine().page());
    const std::string who = detail::describe_rank(engine().page(), dead >= 0 ? dead : peer);
    engine().fail(concat(who, dead >= 0 ? " died" : " did not answer in time or left", " while rank ", rank(),
                         " was in allocate, where ", bytes, " bytes of shared memory are made for all ranks"));
  }

  /// All ranks learn each other's status, so that all of them succeed or all of them throw.
  LOCKSTEP_ON_DEMAND void check_everywhere(int own_status, std::size_t bytes) {
    std::vector<std::int32_t> all(static_cast<std::size_t>(size()));
    const std::int32_t own = own_status;
    detail::Call call;
    call.fingerprint = {.collective = detail::Collective::allocate, .count = bytes};
    call.input = reinterpret_cast<const std::byte*>(&own);
    call.output = reinterpret_cast<std::byte*>(all.data());
    call.piece = call.element = sizeof own;
    engine().run(call);
    for (int peer = 0; peer < size(); ++peer) {
      const int status = all[static_cast<std::size_t>(peer)];
      if (status == 0) continue;
      throw CommunicationError(concat("ring: ", detail::describe_rank(engine().page(), peer), " could not have ", bytes,
                                      " bytes of shared memory: ", std::strerror(status),
                                      "; free memory, or raise the limit of the container's shared memory"));
    }
  }

  RingOptions options_;
  int splits_ = 0;
};

static_assert(RebuildableCommunicator<Ring>);

}  // namespace lockstep
