// What a rank says when a connection does not bring what it should, and when it has waited too long.
#pragma once

#include <lockstep/comm/tcp/call_driver.hpp>
#include <lockstep/comm/tcp/frame.hpp>
#include <lockstep/comm/tcp/mesh.hpp>
#include <lockstep/core/chrono.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace lockstep::detail {

LOCKSTEP_ON_DEMAND double seconds_of(std::chrono::nanoseconds duration) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) / 1000.0;
}

LOCKSTEP_ON_DEMAND const MeshPeer& peer_at(const Mesh& mesh, int rank) {
  return mesh.peers[static_cast<std::size_t>(rank)];
}

/// A collective whose header is not the expected one.
LOCKSTEP_ON_DEMAND std::string describe_collective_mismatch(const Mesh& mesh, const CallLog& log,
                                                            const ConnectionTrouble& trouble) {
  const DataHeader &got = trouble.connection->received(), &expected = trouble.connection->expected();
  const MeshPeer &self = peer_at(mesh, mesh.rank), &other = peer_at(mesh, trouble.peer);
  const LoggedCall theirs{got.sequence, got.fingerprint}, ours{expected.sequence, expected.fingerprint};
  switch (compare(got, expected)) {
    case HeaderDifference::fingerprint:
      return describe_mismatch(self, other, got.sequence, expected.fingerprint, got.fingerprint);
    case HeaderDifference::length:
      return concat("the ranks disagree about the counts of ", describe(ours), ": ", describe(other),
                    " was given other counts than ", describe(self));
    case HeaderDifference::sequence:
      if (log.contradicts(theirs)) {
        return describe_mismatch(self, other, got.sequence, log.own(got.sequence).fingerprint, got.fingerprint);
      }
      return concat("the ranks disagree about the order of their calls: ", describe(other), " was in ",
                    describe(theirs), " where ", describe(self), " was in ", describe(ours),
                    "; all ranks must make the same calls in the same order");
    default:
      return concat("what ", describe(other), " sent does not belong to ", describe(ours), " of ", describe(self),
                    " (epoch ", got.epoch, ", step ", got.step, " instead of epoch ", expected.epoch, ", step ",
                    expected.step, "); do all ranks run the same version of the program?");
  }
}

/// A message that is not received as it was sent.
LOCKSTEP_ON_DEMAND std::string describe_message_mismatch(const Mesh& mesh, const ConnectionTrouble& trouble) {
  const DataHeader &got = trouble.connection->received(), &expected = trouble.connection->expected();
  Fingerprint sent = Fingerprint::unpack(got.fingerprint), received = Fingerprint::unpack(expected.fingerprint);
  sent.root = static_cast<std::uint16_t>(mesh.rank);
  received.collective = Collective::receive;
  received.root = static_cast<std::uint16_t>(trouble.peer);
  return concat("message #", expected.sequence + 1, " from rank ", trouble.peer, " to rank ", mesh.rank, ": ",
                describe(peer_at(mesh, trouble.peer)), " called ", to_string(sent), "; ",
                describe(peer_at(mesh, mesh.rank)), " called ", to_string(received),
                "; a message is received with the type and count it was sent with");
}

/// Bytes that are no header at all.
LOCKSTEP_ON_DEMAND std::string describe_nonsense(const Mesh& mesh, const ConnectionTrouble& trouble, bool of_messages) {
  return concat("what came from ", describe(peer_at(mesh, trouble.peer)), " on a connection for ",
                of_messages ? "messages" : "collectives", " makes no sense (", trouble.connection->fault(),
                "); something between the ranks changes what they send");
}

/// A wait that has come to its deadline.
LOCKSTEP_ON_DEMAND std::string describe_deadline(const Mesh& mesh, const CallDriver& driver,
                                                 std::chrono::nanoseconds deadline) {
  std::string text =
      concat("rank ", mesh.rank, " waited ", seconds_of(deadline), " s in ", driver.current_call(), " for");
  // Those who have not come to this call hold the others up; a rank that waits itself is named only without them.
  int named = 0;
  for (const bool lagging : {true, false}) {
    for (int peer = 0; peer < mesh.size && named < 4; ++peer) {
      if (peer == mesh.rank || !(lagging ? driver.lags(peer) : driver.waits_for(peer))) continue;
      text += concat(named++ > 0 ? ", and for " : " ", describe(peer_at(mesh, peer)),
                     ", which is alive but was last seen ", describe_last_call(driver.log(), peer));
    }
    if (named > 0) break;
  }
  if (named == 0) text += " a peer";
  return concat(text, "; if it needs longer between two collectives, raise the communicator's deadline");
}

}  // namespace lockstep::detail
