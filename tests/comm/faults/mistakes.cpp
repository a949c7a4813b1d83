// Programs in which the ranks do not do the same.
#include "../ring_processes.hpp"
#include <lockstep/comm/ring.hpp>

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::testing;

namespace {

/// Runs a program on three ranks in which rank 1 is wrong; all of them must say all of the texts.
template <class Function>
void check_disagreement(Function function, std::vector<std::string> texts) {
  for (const ProcessResult& result : run_ring(3, [&](ls::Ring& ring) {
         ring.barrier();
         function(ring, ring.rank() == 1);
         ring.barrier();
         ring.barrier();
         return "unreachable";
       })) {
    CAPTURE(result.text);
    CHECK(contains(result.text, "ERROR: ring: "));
    for (const std::string& text : texts) {
      CAPTURE(text);
      CHECK(contains(result.text, text));
    }
  }
}

}  // namespace

TEST_CASE("another count, element type, reduction, root or order of calls is told to everyone, with what each called") {
  std::vector<float> values(30'000);
  std::vector<double> doubles(30'000);
  const std::span<float> buffer(values);
  const std::string rank_0 = "rank 0 (host ", rank_1 = "; rank 1 (host ", rank_2 = "; rank 2 (host ";
  check_disagreement([&](ls::Ring& ring, bool wrong) { ring.all_reduce(buffer.first(wrong ? 2 : 3)); },
                     {"the ranks disagree about collective #", rank_0, ") called all_reduce<float32>(3, sum)" + rank_1,
                      ") called all_reduce<float32>(2, sum)" + rank_2});
  check_disagreement(
      [&](ls::Ring& ring, bool wrong) { ring.all_reduce(buffer.first(wrong ? 20'000 : 30'000)); },
      {") called all_reduce<float32>(30000, sum)" + rank_1, ") called all_reduce<float32>(20000, sum)" + rank_2});
  check_disagreement(
      [&](ls::Ring& ring, bool wrong) {
        if (wrong) ring.all_reduce(std::span<double>(doubles));
        if (!wrong) ring.all_reduce(buffer);
      },
      {") called all_reduce<float32>(30000, sum)" + rank_1, ") called all_reduce<float64>(30000, sum)" + rank_2});
  check_disagreement(
      [&](ls::Ring& ring, bool wrong) { ring.all_reduce(buffer, wrong ? ls::Reduction::min : ls::Reduction::mean); },
      {") called all_reduce<float32>(30000, mean)" + rank_1, ") called all_reduce<float32>(30000, min)" + rank_2});
  check_disagreement(
      [&](ls::Ring& ring, bool wrong) { ring.broadcast(buffer, wrong ? 2 : 0); },
      {") called broadcast<float32>(30000, root 0)" + rank_1, ") called broadcast<float32>(30000, root 2)" + rank_2});
  check_disagreement(
      [&](ls::Ring& ring, bool wrong) {
        if (wrong) ring.broadcast(buffer, 0);
        ring.all_reduce(buffer);
        if (!wrong) ring.broadcast(buffer, 0);
      },
      {") called all_reduce<float32>(30000, sum)" + rank_1, ") called broadcast<float32>(30000, root 0)" + rank_2});
  check_disagreement(
      [&](ls::Ring& ring, bool wrong) {
        if (!wrong) ring.all_reduce(buffer);
      },
      {") called all_reduce<float32>(30000, sum)" + rank_1, ") called barrier()" + rank_2});
  check_disagreement(
      [&](ls::Ring& ring, bool wrong) { static_cast<void>(ring.split(0, 0)), ring.allocate(wrong ? 1 : 2); },
      {") called allocate(2 bytes)" + rank_1, ") called allocate(1 bytes)" + rank_2});
}

TEST_CASE("a rank whose data ends early is named by those who have more") {
  const auto results = run_ring(3, [](ls::Ring& ring) {
    std::vector<float> gradient(10'000);
    const int batches = ring.rank() == 1 ? 4 : 5;
    for (int batch = 0; batch < batches; ++batch) ring.all_reduce(std::span<float>(gradient));
    return "done";
  });
  CHECK(results[1].text == "done");
  for (const int rank : {0, 2}) {
    const std::string& text = results[static_cast<std::size_t>(rank)].text;
    CAPTURE(text);
    CHECK(contains(text, "rank 1 (host "));
    CHECK(contains(text, ") left after all_reduce<float32>(10000, sum) #"));
    CHECK(contains(text, ls::concat("this rank (", rank, ") was in all_reduce<float32>(10000, sum) #")));
  }
}

TEST_CASE("a rank that throws between two collectives ends all, and the reason of its end is its own") {
  const auto results = run_ring(3, [](ls::Ring& ring) {
    std::vector<float> gradient(10'000);
    for (int batch = 0;; ++batch) {
      if (ring.rank() == 2 && batch == 3) throw ls::ShapeError("backward: the shapes do not fit");
      auto pending = ring.all_reduce_async(std::span<float>(gradient), ls::Reduction::mean);
      if (ring.rank() == 2 && batch == 2) static_cast<void>(pending.test());
      pending.wait();
    }
    return "unreachable";
  });
  CHECK(results[2].text == "ERROR: backward: the shapes do not fit");
  for (const int rank : {0, 1}) {
    const std::string& text = results[static_cast<std::size_t>(rank)].text;
    CAPTURE(text);
    CHECK(contains(text, "rank 2 (host "));
    CHECK(contains(text, ") reported: rank 2 ended with an exception"));
  }
}

TEST_CASE("ranks that do not fit together do not meet") {
  const auto meet = [](auto change) {
    const std::string name = fresh_name();
    Processes processes(2, [&](int rank) {
      ls::RingOptions options{.rank = rank, .size = 2, .name = name, .connect_deadline = std::chrono::seconds(2)};
      change(options);
      ls::Ring ring(options);
      return "met";
    });
    return processes.wait_all();
  };
  const auto check_both = [](const std::vector<ProcessResult>& results, const char* text) {
    for (const ProcessResult& result : results) {
      CAPTURE(result.text);
      CHECK(contains(result.text, "ERROR: ring: "));
      CHECK(contains(result.text, text));
    }
  };
  check_both(meet([](ls::RingOptions& options) { options.size += options.rank; }),
             "came as rank 1 of 3, but rank 0 expects 2 ranks");
  check_both(meet([](ls::RingOptions& options) { options.staging_bytes += options.rank == 1 ? 8192 : 0; }),
             "rank 1 has staging_bytes 532480, rank 0 has 524288");
  const std::string name = fresh_name();
  Processes twins(3, [&](int index) {
    ls::Ring ring({.rank = index == 0 ? 0 : 1, .size = 3, .name = name, .connect_deadline = std::chrono::seconds(2)});
    return "met";
  });
  check_both(twins.wait_all(), "rank");
}

TEST_CASE("two jobs of one name do not mix when they have secrets of their own") {
  const std::string name = fresh_name();
  Processes processes(4, [&](int index) {
    const int rank = index % 2, job = index / 2;
    if (job == 1) ::usleep(50'000);
    ls::JobSecret secret{};
    secret.fill(static_cast<std::byte>(1 + job));
    ls::Ring ring(
        {.rank = rank, .size = 2, .name = name, .secret = secret, .connect_deadline = std::chrono::seconds(20)});
    std::int32_t jobs = job;
    ring.all_reduce(std::span<std::int32_t>(&jobs, 1));
    return ls::concat("job ", jobs / 2);
  });
  const auto results = processes.wait_all();
  for (std::size_t index = 0; index < 4; ++index) {
    CAPTURE(results[index].text);
    // A rank 1 that comes to the other job's rank 0 is turned away, never let in.
    const bool right = results[index].text == ls::concat("job ", index / 2) ||
                       contains(results[index].text, "it does not know the secret of the job") ||
                       contains(results[index].text, "ranks came to '") ||
                       contains(results[index].text, "cannot take the name");
    CHECK(right);
  }
}

TEST_CASE("a rank of another version is turned away by rank 0, and turns away from it") {
  const std::string name = fresh_name();
  Processes processes(3, [&](int index) -> std::string {
    if (index < 2) {
      if (index == 1) ::usleep(300'000);  // after the stranger
      ls::Ring ring({.rank = index, .size = 2, .name = name, .connect_deadline = std::chrono::seconds(20)});
      ring.barrier();
      return "met";
    }
    using namespace ls::detail;
    const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(20));
    ls::FileDescriptor socket = connect_to(name);
    for (; !socket && !deadline.passed(); socket = connect_to(name)) ::usleep(1000);
    RingHello hello = make_hello({1, 2, name, {}, 524'288, deadline});
    ++hello.protocol;
    RingWelcome welcome;
    std::vector<ls::FileDescriptor> descriptors;
    if (!send_message(socket, hello, {}, deadline) || !receive_message(socket, welcome, descriptors, deadline)) {
      return "no answer";
    }
    return welcome.accepted == 0 && descriptors.empty() ? welcome.refusal : "let in";
  });
  const auto results = processes.wait_all();
  CHECK(results[0].text == "met");
  CHECK(results[1].text == "met");
  CHECK(results[2].text == "it was built with another version of lockstep");

  const std::string other_name = fresh_name();
  Processes others(2, [&](int index) -> std::string {
    if (index == 1) {
      ls::Ring ring({.rank = 1, .size = 2, .name = other_name, .connect_deadline = std::chrono::seconds(20)});
      return "met";
    }
    using namespace ls::detail;
    const ls::Deadline deadline = ls::Deadline::after(std::chrono::seconds(20));
    const ls::FileDescriptor listener = listen_at(other_name);
    ls::FileDescriptor socket;
    while (!socket && wait_until_readable(listener, deadline)) socket = accept_connection(listener);
    RingHello hello;
    RingWelcome welcome;
    std::vector<ls::FileDescriptor> descriptors;
    if (!receive_message(socket, hello, descriptors, deadline)) return "no hello";
    ++welcome.protocol;
    welcome.accepted = 1;
    send_message(socket, welcome, {}, deadline);
    return "done";
  });
  CHECK(
      contains(others.wait_all()[1].text, "ERROR: ring: rank 0 turned rank 1 away: it was built with another version"));
}
