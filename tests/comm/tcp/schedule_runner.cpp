#include "socket_mesh.hpp"
#include <lockstep/comm/schedule/make_schedule.hpp>
#include <lockstep/comm/schedule/ring_all_reduce.hpp>
#include <lockstep/comm/tcp/schedule_runner.hpp>
#include <lockstep/core/half.hpp>

#include <doctest/doctest.h>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <utility>
#include <vector>

namespace ls = lockstep;
using ls::Reduction;
using ls::detail::Algorithm;
using ls::detail::Call;
using ls::detail::Choice;
using ls::detail::Collective;
using ls::detail::CollectivePart;
using ls::detail::Flow;
using ls::detail::ScheduleRunner;

namespace {

/// The runners of all ranks, in this thread.
struct Runners {
  explicit Runners(int size, int lanes = 1) : meshes(ls::testing::socket_meshes(size, lanes)) {
    for (ls::detail::Mesh& mesh : meshes) {
      ScheduleRunner& runner = all.emplace_back(mesh.rank, size, lanes);
      for (ls::detail::MeshPeer& peer : mesh.peers) {
        for (ls::detail::SecureStream& stream : peer.data) runner.add_lane(peer.rank, stream);
      }
    }
  }

  /// Moves all runners until they are done; false when nothing moves any more.
  bool drive() {
    for (;;) {
      bool moved = false, done = true;
      for (ScheduleRunner& runner : all) {
        for (std::size_t i = 0; i < runner.lane_count(); ++i) runner.lane(i).report(EPOLLIN | EPOLLOUT);
        moved |= runner.advance();
        done = done && runner.done();
      }
      if (done || !moved) return done;
    }
  }

  std::vector<ls::detail::Mesh> meshes;
  std::list<ScheduleRunner> all;
};

template <class T>
std::vector<std::vector<T>> inputs_of(int size, std::size_t count) {
  std::vector<std::vector<T>> inputs(static_cast<std::size_t>(size), std::vector<T>(count));
  std::uint32_t state = 1;
  for (auto& input : inputs) {
    for (T& value : input) {  // sums of these depend on their order
      state = state * 1664525U + 1013904223U;
      value = static_cast<T>(static_cast<float>(state >> 8) * 0x1p-20f - 7.0f);
    }
  }
  return inputs;
}

template <class T>
std::vector<T> reduced(const std::vector<std::vector<T>>& inputs, Reduction reduction) {
  std::vector<T> result(inputs[0].size());
  std::vector<const std::byte*> pointers;
  for (const auto& input : inputs) pointers.push_back(reinterpret_cast<const std::byte*>(input.data()));
  std::byte* const output = reinterpret_cast<std::byte*>(result.data());
  ls::detail::reduce_slice<T>(reduction, pointers.data(), static_cast<int>(inputs.size()), &output, 1, result.size());
  return result;
}

template <class T>
Call all_reduce_of(std::vector<T>& values, Reduction reduction) {
  Call call;
  call.fingerprint = {
      .collective = Collective::all_reduce, .dtype = ls::dtype_of<T>, .reduction = reduction, .count = values.size()};
  call.input = call.output = reinterpret_cast<std::byte*>(values.data());
  call.piece = values.size() * sizeof(T);
  call.element = sizeof(T);
  call.reduce = &ls::detail::reduce_slice<T>;
  call.scale = &ls::detail::scale_sums<T>;
  return call;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// All ranks reduce by one algorithm and compare with `reduce_slice` of all inputs.
template <class T>
void check_all_reduce(int size, int lanes, std::size_t count, Reduction reduction, const Choice& choice,
                      bool one_pass = false) {
  CAPTURE(size);
  CAPTURE(count);
  CAPTURE(to_string(choice.algorithm));
  Runners runners(size, lanes);
  auto values = inputs_of<T>(size, count);
  const std::vector<T> expected = reduced(values, reduction);
  int rank = 0;
  for (ScheduleRunner& runner : runners.all) {
    const CollectivePart part{.rank = rank, .size = size, .count = count, .element = sizeof(T), .one_pass = one_pass};
    write_schedule(Collective::all_reduce, part, {}, choice, runner.schedule());
    const Call call = all_reduce_of(values[static_cast<std::size_t>(rank++)], reduction);
    runner.begin(call, {.sequence = 1, .fingerprint = call.fingerprint.packed()});
  }
  REQUIRE(runners.drive());
  for (const std::vector<T>& result : values) CHECK(same_bits(result, expected));
}

constexpr Choice direct{}, tree{Algorithm::tree}, recursive{Algorithm::recursive}, sliced{Algorithm::sliced};

}  // namespace

TEST_CASE("whatever the algorithm, the bits are those of all inputs in one place") {
  for (const int size : {1, 2, 3, 5, 6, 8}) {
    for (const Choice& choice : {direct, tree, recursive, sliced}) {
      for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{37}, std::size_t{5'003}}) {
        check_all_reduce<float>(size, 1, count, Reduction::sum, choice);
      }
      check_all_reduce<double>(size, 1, 1'001, Reduction::mean, choice);
      check_all_reduce<std::int32_t>(size, 1, 1'001, Reduction::max, choice);
    }
  }
}

TEST_CASE("messages of many bursts are combined chunk by chunk, and over several connections") {
  for (const int lanes : {1, 3, 4}) {
    CAPTURE(lanes);
    // More than a MiB for each message, so that it is cut; odd, so that the cuts are uneven.
    check_all_reduce<float>(2, lanes, 600'011, Reduction::sum, recursive);
    check_all_reduce<float>(3, lanes, 400'003, Reduction::mean, tree);
    check_all_reduce<float>(4, lanes, 1'100'009, Reduction::sum, {Algorithm::sliced, 2});
    check_all_reduce<double>(3, lanes, 200'001, Reduction::min, direct);
  }
}

TEST_CASE("short messages of the two directions do not share a connection, where there are several") {
  for (const int lanes : {1, 2, 3}) {
    CAPTURE(lanes);
    Runners runners(2, lanes);
    auto values = inputs_of<float>(2, 100);
    std::size_t rank = 0;
    for (ScheduleRunner& runner : runners.all) {
      write_schedule(Collective::all_reduce, {.rank = static_cast<int>(rank), .size = 2, .count = 100}, {}, direct,
                     runner.schedule());
      runner.begin(all_reduce_of(values[rank++], Reduction::sum), {.sequence = 1});
    }
    const auto unread = [&](std::size_t reader) {
      std::vector<int> bytes;
      for (ls::detail::SecureStream& stream : runners.meshes[reader].peers[1 - reader].data) {
        REQUIRE(::ioctl(stream.descriptor(), FIONREAD, &bytes.emplace_back()) == 0);
      }
      return bytes;
    };
    std::vector<int> first(static_cast<std::size_t>(lanes)), last = first;
    first.front() = last.back() = 100 * sizeof(float) + ls::detail::DataHeader::bytes;
    runners.all.front().advance();
    CHECK(unread(1) == first);
    runners.all.back().advance();
    CHECK(unread(0) == last);
    CHECK(runners.drive());
  }
}

TEST_CASE("bytes may arrive in pieces of any length, also within an element") {
  constexpr std::size_t count = 100'003;  // more than a burst
  for (const Choice& choice : {direct, tree, recursive, sliced}) {
    CAPTURE(to_string(choice.algorithm));
    auto values = inputs_of<double>(2, count);
    const std::vector<double> expected = reduced(values, Reduction::sum);
    Runners runners(2);
    std::vector<ls::FileDescriptor> relay;  // between the ranks, where their connection was
    std::size_t rank = 0;
    for (ScheduleRunner& runner : runners.all) {
      auto ends = ls::testing::socket_pair();
      runners.meshes[rank].peers[1 - rank].data[0] = ls::detail::SecureStream(std::move(ends.first));
      relay.push_back(std::move(ends.second));
      const CollectivePart part{.rank = static_cast<int>(rank), .size = 2, .count = count, .element = sizeof(double)};
      write_schedule(Collective::all_reduce, part, {}, choice, runner.schedule());
      runner.begin(all_reduce_of(values[rank++], Reduction::sum), {.sequence = 1});
    }
    std::vector<char> buffer(5'000);
    for (std::size_t round = 0; !runners.drive(); ++round) {
      REQUIRE(round < 100'000);
      for (const std::size_t from : {std::size_t{0}, std::size_t{1}}) {
        const ssize_t taken = ::recv(relay[from].get(), buffer.data(), 1 + round * 1'237 % buffer.size(), 0);
        if (taken > 0)
          REQUIRE(::send(relay[1 - from].get(), buffer.data(), static_cast<std::size_t>(taken), 0) == taken);
      }
    }
    for (const std::vector<double>& result : values) CHECK(same_bits(result, expected));
  }
}

TEST_CASE("numbers of 16 bits are combined at once, and rounded once") {
  for (const int size : {2, 3, 5}) {
    for (const Choice& choice : {direct, sliced}) {
      check_all_reduce<ls::BFloat16>(size, 1, 3'001, Reduction::sum, choice, true);
      check_all_reduce<ls::BFloat16>(size, 2, 900'001, Reduction::mean, choice, true);
      check_all_reduce<ls::Float16>(size, 1, 3'001, Reduction::mean, choice, true);
    }
  }
}

TEST_CASE("a ring gives one order of its own to all ranks") {
  Runners runners(3, 2);
  auto values = inputs_of<float>(3, 1'000'001);
  const std::vector<float> canonical = reduced(values, Reduction::sum);
  int rank = 0;
  for (ScheduleRunner& runner : runners.all) {
    ring_all_reduce({.rank = rank, .size = 3, .count = values[0].size()}, runner.schedule());
    runner.schedule().finish();
    runner.begin(all_reduce_of(values[static_cast<std::size_t>(rank++)], Reduction::sum), {});
  }
  REQUIRE(runners.drive());
  CHECK(same_bits(values[0], values[1]));
  CHECK(same_bits(values[0], values[2]));
  for (std::size_t i = 0; i < canonical.size(); i += 1'000) CHECK(values[0][i] == doctest::Approx(canonical[i]));
}

TEST_CASE("calls follow each other on the same connections, also without elements") {
  Runners runners(3);
  auto values = inputs_of<float>(3, 100);
  const std::vector<float> expected = reduced(values, Reduction::sum);
  for (std::uint64_t call_number = 1; call_number <= 3; ++call_number) {
    int rank = 0;
    for (ScheduleRunner& runner : runners.all) {
      const bool barrier = call_number != 2;
      const CollectivePart part{.rank = rank, .size = 3, .count = barrier ? 0u : 100u};
      make_schedule(barrier ? Collective::barrier : Collective::all_reduce, part, {}, {}, runner.schedule());
      runner.begin(all_reduce_of(values[static_cast<std::size_t>(rank++)], Reduction::sum), {.sequence = call_number});
    }
    REQUIRE(runners.drive());
  }
  for (const auto& result : values) CHECK(same_bits(result, expected));
}

TEST_CASE("a rank waits for those who owe it a message, and what is cancelled is not touched") {
  Runners runners(3);
  auto values = inputs_of<float>(3, 100);
  const std::vector<float> before = values[2];
  std::vector<ScheduleRunner*> runner;
  for (ScheduleRunner& one : runners.all) runner.push_back(&one);
  for (const int rank : {0, 2}) {
    const auto index = static_cast<std::size_t>(rank);
    write_schedule(Collective::all_reduce, {.rank = rank, .size = 3, .count = 100}, {}, direct,
                   runner[index]->schedule());
    runner[index]->begin(all_reduce_of(values[index], Reduction::sum), {.sequence = 1});
    runner[index]->advance();
  }
  runner[2]->look_again();
  runner[2]->advance();
  CHECK_FALSE(runner[2]->done());
  CHECK_FALSE(runner[2]->waits_for(0));
  CHECK(runner[2]->waits_for(1));
  CHECK_FALSE(runner[2]->waits_for(2));
  runner[2]->cancel();
  CHECK(runner[2]->done());
  CHECK_FALSE(runner[2]->waits_for(1));
  CHECK_FALSE(runner[2]->advance());
  CHECK(same_bits(values[2], before));
}

TEST_CASE("another call at the other end, another length and a closed connection are trouble with that rank") {
  for (const Flow flow : {Flow::mismatch, Flow::malformed, Flow::closed}) {
    for (const bool sequence : {true, false}) {
      Runners runners(2);
      std::vector<std::vector<float>> values{std::vector<float>(100), std::vector<float>(sequence ? 100 : 101)};
      const std::vector<float> before = values[0];
      std::size_t rank = 0;
      for (ScheduleRunner& runner : runners.all) {
        write_schedule(Collective::all_reduce,
                       {.rank = static_cast<int>(rank), .size = 2, .count = values[rank].size()}, {}, direct,
                       runner.schedule());
        const std::uint64_t number = sequence ? rank + 1 : 1;
        runner.begin(all_reduce_of(values[rank++], Reduction::sum), {.sequence = number});
      }
      ls::detail::SecureStream& far = runners.meshes[1].peers[0].data[0];
      if (flow == Flow::mismatch) runners.all.back().advance();
      if (flow == Flow::malformed) CHECK(far.write_some(std::vector<std::byte>(1000)) == 1000);
      if (flow == Flow::closed) far.finish_writing();
      ScheduleRunner& first = runners.all.front();
      CHECK_FALSE(runners.drive());
      CHECK_FALSE(first.done());
      REQUIRE(first.trouble().peer == 1);
      CHECK(first.trouble().flow == flow);
      CHECK_FALSE(first.advance());
      CHECK(same_bits(values[0], before));
    }
  }
}
