// Meshes of ranks that are all in this process, joined by socket pairs: for tests of what stands on a mesh.
#pragma once

#include "tcp_test.hpp"
#include <lockstep/comm/tcp/mesh.hpp>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace lockstep::testing {

/// What each of `size` ranks holds, with `lanes` data connections between any two.
inline std::vector<detail::Mesh> socket_meshes(int size, int lanes = 1) {
  std::vector<detail::Mesh> meshes(static_cast<std::size_t>(size));
  for (int rank = 0; rank < size; ++rank) {
    detail::Mesh& mesh = meshes[static_cast<std::size_t>(rank)];
    mesh.rank = rank;
    mesh.size = size;
    mesh.epoch = 7;
    mesh.peers.resize(static_cast<std::size_t>(size));
    for (int peer = 0; peer < size; ++peer) {
      detail::MeshPeer& entry = mesh.peers[static_cast<std::size_t>(peer)];
      entry.rank = peer;
      entry.process = 100 + peer;
      entry.host = concat("host", peer);
      entry.address = "127.0.0.1:1";
      entry.data.resize(static_cast<std::size_t>(lanes));
    }
  }
  for (int one = 0; one < size; ++one) {
    for (int other = 0; other < one; ++other) {
      detail::MeshPeer& here = meshes[static_cast<std::size_t>(one)].peers[static_cast<std::size_t>(other)];
      detail::MeshPeer& there = meshes[static_cast<std::size_t>(other)].peers[static_cast<std::size_t>(one)];
      auto control = socket_pair();
      detail::SessionKeys keys, mirrored;
      keys.send.fill(static_cast<std::byte>(one + 1));
      keys.receive.fill(static_cast<std::byte>(100 + other));
      mirrored.send = keys.receive;
      mirrored.receive = keys.send;
      here.control = detail::ControlChannel(detail::SecureStream(std::move(control.first)), keys);
      there.control = detail::ControlChannel(detail::SecureStream(std::move(control.second)), mirrored);
      auto messages = socket_pair();
      here.messages = detail::SecureStream(std::move(messages.first));
      there.messages = detail::SecureStream(std::move(messages.second));
      for (int lane = 0; lane < lanes; ++lane) {
        auto data = socket_pair();
        here.data[static_cast<std::size_t>(lane)] = detail::SecureStream(std::move(data.first));
        there.data[static_cast<std::size_t>(lane)] = detail::SecureStream(std::move(data.second));
      }
    }
  }
  return meshes;
}

}  // namespace lockstep::testing
