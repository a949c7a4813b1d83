#include "socket_mesh.hpp"
#include <lockstep/comm/schedule/make_schedule.hpp>
#include <lockstep/comm/tcp/schedule_runner.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace ls = lockstep;
using namespace lockstep::detail;

namespace {

struct Ranks {
  std::vector<Mesh> meshes;
  std::vector<std::unique_ptr<ScheduleRunner>> runners;

  Ranks(int size, int lanes) : meshes(ls::testing::socket_meshes(size, lanes)) {
    for (Mesh& mesh : meshes) {
      runners.push_back(std::make_unique<ScheduleRunner>(size, lanes));
      for (MeshPeer& peer : mesh.peers) {
        for (SecureStream& stream : peer.data) runners.back()->add_lane(peer.rank, stream);
      }
    }
  }

  void begin(int rank, const Call& call, std::uint64_t number) {
    const CollectivePart part{.rank = rank,
                              .size = static_cast<int>(runners.size()),
                              .count = call.fingerprint.count,
                              .element = call.element};
    ScheduleRunner& runner = *runners[static_cast<std::size_t>(rank)];
    make_schedule(call.fingerprint.collective, part, {}, {}, runner.schedule());
    runner.begin(call, {7, number, call.fingerprint.packed(), 0, 0});
  }

  /// Until all are done, or nothing moves any more.
  bool run() {
    for (int idle = 0; idle < 100;) {
      bool moved = false, done = true;
      for (auto& runner : runners) {
        runner->look_again();
        for (std::size_t lane = 0; lane < runner->lane_count(); ++lane) runner->lane(lane).report(EPOLLIN | EPOLLOUT);
        moved |= runner->advance();
        done &= runner->done();
      }
      if (done) return true;
      idle = moved ? 0 : idle + 1;
    }
    return false;
  }
};

Call sum_of(std::vector<double>& values, ls::Reduction reduction) {
  Call call;
  call.fingerprint = {.collective = Collective::all_reduce,
                      .dtype = ls::dtype_of<double>,
                      .reduction = reduction,
                      .count = values.size()};
  call.input = call.output = reinterpret_cast<std::byte*>(values.data());
  call.piece = values.size() * sizeof(double);
  call.element = sizeof(double);
  call.reduce = &reduce_slice<double>;
  call.scale = &scale_sums<double>;
  return call;
}

}  // namespace

TEST_CASE("schedules of any number of ranks run to their end, a chunk at a time, over any number of connections") {
  for (const int size : {1, 2, 3, 4, 6}) {
    for (const int lanes : {1, 3}) {
      Ranks ranks(size, lanes);
      std::uint64_t number = 0;
      for (const std::size_t count : {0u, 1u, 1000u, 40'000u, 700'001u}) {
        CAPTURE(size);
        CAPTURE(lanes);
        CAPTURE(count);
        std::vector<std::vector<double>> values;
        for (int rank = 0; rank < size; ++rank) values.emplace_back(count, rank + 1);
        ++number;
        for (int rank = 0; rank < size; ++rank) {
          ranks.begin(rank, sum_of(values[static_cast<std::size_t>(rank)], ls::Reduction::mean), number);
        }
        REQUIRE(ranks.run());
        bool right = true;
        for (const auto& each : values) {
          for (const double value : each) right &= value == (size + 1) * size / 2 * (1.0 / size);
        }
        CHECK(right);
      }
    }
  }
}

TEST_CASE("a rank says for whom it waits") {
  Ranks ranks(3, 1);
  std::vector<double> values(10, 1.0);
  ranks.begin(0, sum_of(values, ls::Reduction::sum), 1);
  ranks.runners[0]->advance();
  CHECK(!ranks.runners[0]->done());
  CHECK(!ranks.runners[0]->waits_for(0));
  CHECK((ranks.runners[0]->waits_for(1) || ranks.runners[0]->waits_for(2)));
  ranks.runners[0]->cancel();
  CHECK(ranks.runners[0]->done());
}

TEST_CASE("another call at the other end, another length and a closed connection are trouble with that rank") {
  for (const int kind : {0, 1, 2}) {
    Ranks ranks(2, 1);
    std::vector<double> values(10, 1.0), others(kind == 1 ? 11 : 10, 1.0);
    ranks.begin(0, sum_of(values, ls::Reduction::sum), 1);
    if (kind == 2) {
      ranks.meshes[1].peers[0].data[0].close();
    } else {
      ranks.begin(1, sum_of(others, kind == 0 ? ls::Reduction::max : ls::Reduction::sum), 1);
    }
    CHECK(!ranks.run());
    CHECK(ranks.runners[0]->trouble().peer == 1);
    if (kind < 2) {
      CHECK(ranks.runners[0]->trouble().flow == Flow::mismatch);
      CHECK(ranks.runners[0]->trouble().connection->received().fingerprint !=
            ranks.runners[0]->trouble().connection->expected().fingerprint);
    } else {
      CHECK(is_trouble(ranks.runners[0]->trouble().flow));
    }
  }
}
