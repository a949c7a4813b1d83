#include <lockstep/comm/cluster/staged_call.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <set>
#include <tuple>
#include <vector>

namespace ls = lockstep;
using ls::detail::Call;
using ls::detail::Collective;
using ls::detail::Scope;

namespace {

Call call_of(Collective collective, std::size_t count, std::vector<float>& memory) {
  memory.resize(count);
  Call call;
  call.fingerprint = {.collective = collective, .dtype = ls::DType::float32, .root = 1, .count = count};
  call.output = reinterpret_cast<std::byte*>(memory.data());
  call.input = call.output;
  call.piece = count * sizeof(float);
  call.element = sizeof(float);
  return call;
}

ls::detail::StagePlan plan_of(int hosts, int local_size, int rank) {
  return {.layout = {.hosts = hosts, .local_size = local_size}, .rank = rank, .small_bytes = 64, .chunk_bytes = 256};
}

}  // namespace

TEST_CASE("equal ranks issue equal parts in equal order, each after the part it needs") {
  for (const Collective collective : {Collective::all_reduce, Collective::broadcast, Collective::barrier}) {
    for (const std::size_t count : {0u, 1u, 5u, 16u, 17u, 100u, 256u, 1000u, 1023u}) {
      std::vector<float> memory;
      const Call call = call_of(collective, collective == Collective::barrier ? 0 : count, memory);
      using Seen = std::vector<std::tuple<Collective, std::size_t, int>>;
      std::vector<Seen> on_host(3), between(2);  // by host, by local rank
      for (int rank = 0; rank < 6; ++rank) {
        const ls::detail::StagedCall staged(call, plan_of(3, 2, rank));
        std::set<int> issued;
        Seen local, across;
        for (int turn = 0; turn < staged.parts(); ++turn) {
          int index = -1;
          const ls::detail::StagedPart part = staged.part_in_turn(turn, index);
          if (part.taken && part.needs >= 0) CHECK(issued.contains(part.needs));
          CHECK(issued.size() == static_cast<std::size_t>(turn));
          issued.insert(index);
          if (!part.taken) issued.insert(index);
          if (!part.taken) continue;
          const auto& fingerprint = part.call.fingerprint;
          (part.scope == Scope::local ? local : across)
              .emplace_back(fingerprint.collective, fingerprint.count, fingerprint.root);
        }
        const auto host = static_cast<std::size_t>(rank / 2), place = static_cast<std::size_t>(rank % 2);
        if (place == 0) on_host[host] = local;
        if (host == 0) between[place] = across;
        CHECK(local == on_host[host]);
        CHECK(across == between[place]);
      }
    }
  }
}

TEST_CASE("the chunks of an all_reduce cover the buffer once, for every number of local ranks") {
  for (const int local_size : {1, 2, 4}) {
    for (const std::size_t count : {1u, 17u, 100u, 1000u, 1023u}) {
      std::vector<float> memory;
      const Call call = call_of(Collective::all_reduce, count, memory);
      std::vector<int> covered(count);
      for (int rank = 0; rank < local_size; ++rank) {
        const ls::detail::StagedCall staged(call, plan_of(2, local_size, rank));
        for (int turn = 0; turn < staged.parts(); ++turn) {
          int index = -1;
          const ls::detail::StagedPart part = staged.part_in_turn(turn, index);
          if (!part.taken || part.scope != Scope::across) continue;
          const auto first = static_cast<std::size_t>(part.call.output - call.output) / sizeof(float);
          for (std::size_t i = 0; i < part.call.fingerprint.count; ++i) ++covered[first + i];
        }
      }
      for (const int times : covered) CHECK(times == 1);
    }
  }
}

TEST_CASE("16-bit sums and blocks that do not nest are left to the world") {
  std::vector<float> memory;
  Call call = call_of(Collective::all_reduce, 10, memory);
  CHECK(ls::detail::StagedCall::can_stage(call, {.hosts = 2, .local_size = 4}));
  CHECK_FALSE(ls::detail::StagedCall::can_stage(call, {.hosts = 2, .local_size = 3}));
  CHECK_FALSE(ls::detail::StagedCall::can_stage(call, {.hosts = 2, .local_size = 4, .regular = false}));
  call.fingerprint.dtype = ls::DType::bfloat16;
  CHECK_FALSE(ls::detail::StagedCall::can_stage(call, {.hosts = 2, .local_size = 4}));
  call.fingerprint.collective = Collective::broadcast;
  CHECK(ls::detail::StagedCall::can_stage(call, {.hosts = 2, .local_size = 3}));
}
