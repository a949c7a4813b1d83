// Ranks anywhere, over sockets: every pair of ranks has connections of its own, each proved on both sides.
#pragma once

#include <lockstep/comm/call/engine_communicator.hpp>
#include <lockstep/comm/call/split_plan.hpp>
#include <lockstep/comm/communicator.hpp>
#include <lockstep/comm/launch/launch_environment.hpp>
#include <lockstep/comm/tcp/meet_job.hpp>
#include <lockstep/comm/tcp/rendezvous.hpp>
#include <lockstep/comm/tcp/tcp_engine.hpp>
#include <lockstep/comm/tcp/tcp_options.hpp>
#include <lockstep/comm/tcp/tcp_setup.hpp>
#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/core/shared.hpp>
#include <lockstep/tensor/memory.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace lockstep {

/// The order in which a communicator combines the ranks' elements.
enum class Order {
  canonical,  ///< The one of all communicators: the bits depend on the inputs and the number of ranks alone.
  fast,       ///< Whatever is fastest: the same bits on all ranks, others than those of other communicators.
};

/// The communicator of processes that reach each other by TCP. A copy of the process made by fork() must not use it;
/// there its destructor only closes what the copy holds. One thread runs in the background: it gives signs of life and
/// goes on with asynchronous work while nobody waits.
template <Order order>
class BasicTcp : public detail::EngineCommunicator<detail::TcpEngine> {
 public:
  using Memory = AlignedMemory;

  /// Meets the other ranks; throws CommunicationError when they do not all come in time, EnvironmentError when the
  /// ranks are on several hosts and have no secret.
  LOCKSTEP_ON_DEMAND explicit BasicTcp(const TcpOptions& options) : BasicTcp(options, detail::meet_job(options)) {}
  LOCKSTEP_ON_DEMAND explicit BasicTcp(const LaunchEnvironment& environment)
      : BasicTcp(TcpOptions::from(environment)) {}

  /// Memory of this process. Throws CommunicationError on every rank when one of them cannot have it; the communicator
  /// stays usable then.
  LOCKSTEP_ON_DEMAND Memory allocate(std::size_t bytes) {
    detail::check_count("allocate", bytes);
    AlignedMemory memory;
    std::int32_t missing = 0;
    try {
      memory = AlignedMemory(bytes);
    } catch (const std::bad_alloc&) {
      missing = 1;
    }
    const int rank = detail::agree_on_memory(engine(), bytes, missing);
    if (rank >= 0) {
      throw CommunicationError(concat("tcp: ", detail::describe(engine().mesh().peers[static_cast<std::size_t>(rank)]),
                                      " could not have ", bytes, " bytes of memory"));
    }
    return memory;
  }

  /// See Communicator. The ranks of a part make connections of their own.
  LOCKSTEP_ON_DEMAND BasicTcp split(int color, int key) {
    const detail::SplitPlan plan = detail::exchange_split(*this, color, key);
    TcpOptions part = engine().options();
    part.rank = plan.rank;
    part.size = plan.size();
    part.job_id = concat(part.job_id, "/split ", ++splits_, " color ", color);
    return BasicTcp(part, detail::meet_part(*this, engine().mesh(), plan, part));
  }

  /// See RebuildableCommunicator. The survivors wait for each other up to TcpOptions::connect_deadline; whoever has not
  /// called by then stays out.
  LOCKSTEP_ON_DEMAND BasicTcp rebuild() {
    TcpOptions options = engine().options();
    detail::Mesh mesh = detail::meet_survivors(engine(), options);
    return BasicTcp(options, std::move(mesh));
  }

 private:
  LOCKSTEP_ON_DEMAND BasicTcp(const TcpOptions& options, detail::Mesh mesh)
      : EngineCommunicator(detail::make_tcp_engine(std::move(mesh), options, order == Order::canonical)) {}

  int splits_ = 0;
};

/// The same bits as every other communicator.
using Tcp = BasicTcp<Order::canonical>;
/// Long sums of more than two ranks go around a ring, in an order of their own.
using TcpFast = BasicTcp<Order::fast>;

static_assert(RebuildableCommunicator<Tcp>);
static_assert(RebuildableCommunicator<TcpFast>);

}  // namespace lockstep
