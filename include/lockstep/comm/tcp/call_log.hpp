// Who called what, as far as this rank knows: its own last calls, and what the peers' signs of life told of theirs.
#pragma once

#include <lockstep/comm/call/fingerprint.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/core/on_demand.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace lockstep::detail {

/// A collective and its number, from 1; 0 stands for none.
struct LoggedCall {
  std::uint64_t number = 0;
  std::uint64_t fingerprint = 0;
};

/// As in "all_reduce<float32>(524288, sum) #17".
LOCKSTEP_ON_DEMAND std::string describe(const LoggedCall& call) {
  return concat(to_string(Fingerprint::unpack(call.fingerprint)), " #", call.number);
}

class CallLog {
 public:
  explicit CallLog(int size) : peers_(static_cast<std::size_t>(size)) {}

  /// This rank starts a collective.
  LoggedCall start(std::uint64_t fingerprint) {
    ++started_;
    own_[started_ % own_.size()] = fingerprint;
    return last();
  }
  LoggedCall last() const { return {started_, own_[started_ % own_.size()]}; }

  /// This rank's call of that number, if it is remembered; otherwise number 0.
  LoggedCall own(std::uint64_t number) const {
    if (number == 0 || number > started_ || started_ - number >= own_.size()) return {};
    return {number, own_[number % own_.size()]};
  }

  /// A peer was seen in a call.
  void saw(int peer, const LoggedCall& call) {
    LoggedCall& last = peers_[static_cast<std::size_t>(peer)];
    if (call.number >= last.number) last = call;
  }
  const LoggedCall& seen(int peer) const { return peers_[static_cast<std::size_t>(peer)]; }

  /// Whether a peer's call is another one than this rank's of the same number.
  bool contradicts(const LoggedCall& theirs) const {
    const LoggedCall mine = own(theirs.number);
    return mine.number != 0 && mine.fingerprint != theirs.fingerprint;
  }

 private:
  std::array<std::uint64_t, 256> own_{};  // by number
  std::uint64_t started_ = 0;
  std::vector<LoggedCall> peers_;
};

/// Where a rank was last seen: "in barrier() #2", or before its first collective.
LOCKSTEP_ON_DEMAND std::string describe_last_call(const CallLog& log, int peer) {
  const LoggedCall& call = log.seen(peer);
  return call.number == 0 ? "before its first collective" : concat("in ", describe(call));
}

/// Two ranks whose calls of the same number differ.
LOCKSTEP_ON_DEMAND std::string describe_mismatch(const MeshPeer& one, const MeshPeer& other, std::uint64_t number,
                                                 std::uint64_t one_fingerprint, std::uint64_t other_fingerprint) {
  const bool first = one.rank < other.rank;
  const MeshPeer &lower = first ? one : other, &higher = first ? other : one;
  const std::uint64_t lower_call = first ? one_fingerprint : other_fingerprint,
                      higher_call = first ? other_fingerprint : one_fingerprint;
  return concat("the ranks disagree about collective #", number, ": ", describe(lower), " called ",
                to_string(Fingerprint::unpack(lower_call)), "; ", describe(higher), " called ",
                to_string(Fingerprint::unpack(higher_call)), "; all ranks must make the same calls in the same order");
}

}  // namespace lockstep::detail
