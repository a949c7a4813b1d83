// The contract of an engine: what EngineCommunicator needs to be a communicator. Shared memory, sockets and MPI each
// have one; the checks, the element types and the names of the collectives are common to all.
#pragma once

#include <lockstep/comm/call/call.hpp>

#include <concepts>
#include <cstdint>
#include <string>

namespace lockstep::detail {

/// Moves the bytes of calls, one thread at a time.
///
///  - `start(call)` begins a call and returns its ticket. Tickets of messages have bit 63 set, those of collectives do
///    not; bit 61 is left to engines that are made of others. Collectives begin in the order of their start. It waits
///    for a peer only when too many calls are under way. The buffers of the call, and its counts, stay valid until it
///    is finished.
///  - `finish(ticket)` returns when the call's buffers are the caller's again, or throws CommunicationError.
///  - `finished(ticket)` advances without waiting and says whether `finish` would return at once.
///  - `run(call)` is `finish(start(call))`.
///  - `progress()` advances all calls without waiting.
///  - `abandon(text)` gives up on behalf of this rank: the peers' waits end with an error that carries the text, and so
///    does every later call here.
///  - `leave(after_exception)` says goodbye to the peers; nothing is called afterwards. Must not throw for a peer's
///  sake.
///
/// Every wait ends by a deadline. After a CommunicationError each later call throws one that repeats its text.
template <class E>
concept CollectiveEngine = requires(E& engine, const E& constant, const Call& call, std::uint64_t ticket, bool flag,
                                    const std::string& text) {
  { constant.rank() } -> std::same_as<int>;
  { constant.size() } -> std::same_as<int>;
  { engine.start(call) } -> std::same_as<std::uint64_t>;
  { engine.finish(ticket) } -> std::same_as<void>;
  { engine.finished(ticket) } -> std::same_as<bool>;
  { engine.run(call) } -> std::same_as<void>;
  { engine.progress() } -> std::same_as<void>;
  { engine.abandon(text) } -> std::same_as<void>;
  { engine.leave(flag) } -> std::same_as<void>;
};

}  // namespace lockstep::detail
