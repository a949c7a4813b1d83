// What a rank has once all ranks have met: connections to every other rank, each of them authenticated.
//
// How it is used (`meet` is in rendezvous.hpp and is the only way to make a Mesh):
//
//   Mesh mesh = meet(options);                      // returns on all ranks, or throws on all of them
//   MeshPeer& peer = mesh.peers[1];                 // by rank; the own entry has a name and no connections
//   peer.data[0].write_some(encode(DataHeader{...}));             // secure_stream.hpp, frame.hpp
//   peer.control.send({.kind = ControlKind::heartbeat, .epoch = mesh.epoch, .calls = 7});   // control_channel.hpp
//   peer.control.flush();
//   ControlFrame frame;
//   while (peer.control.receive(frame) == ControlChannel::Status::frame) ...
//
// Between any two ranks there are one control connection, one for send and receive (`messages`), and
// TcpOptions::sockets_per_peer for collectives (`data`): equal indices on both sides are the two ends of one
// connection. All are non-blocking, with TCP_NODELAY and TCP_USER_TIMEOUT = suspect_after set, and nothing was written
// to `messages` and `data` yet. Read every stream until it would block before the first wait: what a faster rank has
// sent may be inside TLS already, where poll does not see it. A stream is not for two threads at a time; different
// streams are.
#pragma once

#include <lockstep/comm/tcp/control_channel.hpp>
#include <lockstep/comm/tcp/secure_stream.hpp>
#include <lockstep/core/on_demand.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::detail {

/// One rank of the job and the connections to it.
struct MeshPeer {
  int rank = 0;
  int local_rank = 0;
  int process = 0;
  std::string host = {};     ///< Its host's name.
  std::string address = {};  ///< Where it listened, as "10.1.2.3:29500".
  ControlChannel control = {};
  SecureStream messages = {};
  std::vector<SecureStream> data = {};
};

/// "rank 1 (host a, pid 7)".
LOCKSTEP_ON_DEMAND std::string describe(const MeshPeer& peer) {
  return concat("rank ", peer.rank, " (host ", peer.host, ", pid ", peer.process, ")");
}

/// All ranks of the job, as one of them sees them.
struct Mesh {
  int rank = 0;
  int size = 1;
  std::uint64_t epoch = 0;
  bool encrypted = false;
  std::vector<MeshPeer> peers = {};  ///< By rank.
};

}  // namespace lockstep::detail
