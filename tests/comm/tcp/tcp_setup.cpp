#include "socket_mesh.hpp"
#include <lockstep/comm/tcp/tcp_setup.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using namespace lockstep::detail;

TEST_CASE("the address of a rank is taken from where it listened") {
  auto meshes = ls::testing::socket_meshes(2);
  CHECK(own_host(meshes[1]) == "127.0.0.1");
  meshes[1].peers[1].address = "[fe80::1]:4000";
  CHECK(own_host(meshes[1]) == "fe80::1");
  meshes[1].peers[1].address = "";
  CHECK(own_host(meshes[1]) == "127.0.0.1");
}

TEST_CASE("ranks of a host are counted by its name") {
  auto meshes = ls::testing::socket_meshes(3);
  CHECK(ranks_here(meshes[0]) == 1);
  meshes[0].peers[2].host = "host0";
  CHECK(ranks_here(meshes[0]) == 2);
  CHECK(usable_processors() >= 1);
}
