#include <lockstep/comm/tcp/mesh.hpp>

#include <doctest/doctest.h>

#include <type_traits>
#include <utility>

using namespace lockstep::detail;

TEST_CASE("a rank of the mesh is described by its number, host and process") {
  MeshPeer peer;
  peer.rank = 2;
  peer.host = "alpha";
  peer.process = 17;
  CHECK(describe(peer) == "rank 2 (host alpha, pid 17)");
  CHECK_FALSE(peer.control);
  CHECK_FALSE(peer.messages);
}

TEST_CASE("a mesh has one owner") {
  CHECK(std::is_nothrow_move_constructible_v<SecureStream>);
  CHECK_FALSE(std::is_copy_constructible_v<MeshPeer>);
  Mesh mesh;
  mesh.peers.resize(3);
  const Mesh moved = std::move(mesh);
  CHECK(moved.peers.size() == 3);
}
