// Whether a rank that has proved itself fits the job as this rank knows it, and what to tell both when it does not.
#pragma once

#include <lockstep/comm/tcp/handshake.hpp>
#include <lockstep/core/concat.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace lockstep::detail {

/// An answer to a rank that has proved itself.
struct Judgement {
  std::string refusal = {};  ///< Empty: let in.
  bool fatal = false;        ///< The refusal ends the meeting of this side as well.
};

LOCKSTEP_ON_DEMAND std::string same_rank_twice(int rank, std::string_view host, int process,
                                               const RankIdentity& second) {
  return concat("tcp: two processes came as rank ", rank, ": one on host ", host, " (pid ", process,
                ") and one on host ", second.host, " (pid ", second.process, "); give every process a rank of its own");
}

/// Judges a guest who looked for rank `target` on connection `channel`.
LOCKSTEP_ON_DEMAND Judgement judge_guest(const RankIdentity& self, const RankIdentity& guest, PeerChannel channel,
                                         std::uint32_t target) {
  const std::string both = concat("tcp: ", describe(guest), " and ", describe(self));
  if (guest.version != self.version) {
    return {concat(both, " were built with different versions of lockstep: their protocols are ", guest.version,
                   " and ", self.version, "; start every rank with the same build"),
            true};
  }
  if (guest.epoch != self.epoch) {  // one of them is left over from before a failure: the others meet without it
    return {concat(both, " belong to different lives of the job: their epochs are ", guest.epoch, " and ", self.epoch,
                   "; the one of the lower epoch is left over and should be ended"),
            false};
  }
  if (guest.size != self.size) {
    return {concat(both, " disagree on the number of ranks: ", guest.size, " and ", self.size,
                   "; start every rank with the same size, and every job with a job id of its own"),
            true};
  }
  if (guest.rank >= self.size) {
    return {concat("tcp: ", describe(guest), " came to a job of ", self.size, " ranks, the last of which is rank ",
                   self.size - 1, "; give every process a rank below the size"),
            true};
  }
  if (guest.encrypt != self.encrypt || guest.sockets_per_peer != self.sockets_per_peer) {
    return {
        concat(both, " have different options: encrypt ", guest.encrypt, " and ", self.encrypt, ", sockets_per_peer ",
               guest.sockets_per_peer, " and ", self.sockets_per_peer, "; give every rank the same"),
        true};
  }
  if (target != static_cast<std::uint32_t>(self.rank)) {
    return {concat(both, " met, but the first looked for rank ", target,
                   "; does bind_address or a translation of addresses send several ranks to one place?"),
            true};
  }
  if (guest.rank == self.rank) return {same_rank_twice(self.rank, self.host, self.process, guest), true};
  const int limit = channel.kind == ChannelKind::data ? self.sockets_per_peer : 1;
  if (guest.rank < self.rank || channel.kind > ChannelKind::data || channel.index >= limit) {
    return {concat(both, " met on a connection that neither makes: ", to_string(channel.kind), " ", channel.index),
            true};
  }
  return {};
}

}  // namespace lockstep::detail
