// The ranks of a job in one thread: every connection between them is a pair of sockets.
#pragma once

#include "tcp_test.hpp"
#include <lockstep/comm/tcp/mesh.hpp>

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lockstep::testing {

/// Two ends whose kernel buffers hold `buffer_bytes` or a little more; 0: as the system is set.
inline std::pair<FileDescriptor, FileDescriptor> narrow_pair(int buffer_bytes) {
  auto ends = socket_pair();
  if (buffer_bytes > 0) {
    for (const int end : {ends.first.get(), ends.second.get()}) {
      ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    }
  }
  return ends;
}

/// What every rank of a group would hold after they met, in the order of the ranks.
inline std::vector<detail::Mesh> paired_meshes(int size, int sockets_per_peer = 1, std::uint64_t epoch = 0) {
  const auto index = [](int rank) { return static_cast<std::size_t>(rank); };
  std::vector<detail::Mesh> meshes(index(size));
  for (int rank = 0; rank < size; ++rank) {
    detail::Mesh& mesh = meshes[index(rank)];
    mesh.rank = rank;
    mesh.size = size;
    mesh.epoch = epoch;
    mesh.peers.resize(index(size));
    for (int peer = 0; peer < size; ++peer) {
      mesh.peers[index(peer)].rank = peer;
      mesh.peers[index(peer)].process = 100 + peer;
      mesh.peers[index(peer)].host = "alpha";
    }
  }
  for (int a = 0; a < size; ++a) {
    for (int b = 0; b < a; ++b) {
      detail::MeshPeer &to_b = meshes[index(a)].peers[index(b)], &to_a = meshes[index(b)].peers[index(a)];
      detail::SessionKeys keys;
      keys.send.fill(std::byte{1});
      keys.receive.fill(std::byte{2});
      auto control = socket_pair();
      to_b.control = detail::ControlChannel(detail::SecureStream(std::move(control.first)), keys);
      std::swap(keys.send, keys.receive);
      to_a.control = detail::ControlChannel(detail::SecureStream(std::move(control.second)), keys);
      auto messages = socket_pair();
      to_b.messages = detail::SecureStream(std::move(messages.first));
      to_a.messages = detail::SecureStream(std::move(messages.second));
      for (int socket = 0; socket < sockets_per_peer; ++socket) {
        auto data = socket_pair();
        to_b.data.emplace_back(std::move(data.first));
        to_a.data.emplace_back(std::move(data.second));
      }
    }
  }
  return meshes;
}

}  // namespace lockstep::testing
