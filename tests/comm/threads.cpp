#include "random_program.hpp"
#include <lockstep/comm/threads.hpp>
#include <lockstep/testing/communicator.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

/// Runs the function on `size` threads and returns what each rank threw.
template <class Function>
std::vector<std::string> texts_of(int size, Function function, const ls::ThreadGroupOptions& options = {}) {
  std::vector<std::string> texts(static_cast<std::size_t>(size));
  ls::launch_threads(
      size,
      [&](ls::Threads& communicator) {
        const auto rank = static_cast<std::size_t>(communicator.rank());
        try {
          function(communicator);
        } catch (const ls::CommunicationError& error) {
          texts[rank] = error.what();
        }
      },
      options);
  return texts;
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Threads passes the conformance suite") {
  for (const int size : {1, 2, 3, 4, 5, 8}) {
    ls::launch_threads(size, [](ls::Threads& communicator) {
      ls::testing::check_communicator(communicator);
      ls::testing::check_canonical_order(communicator);
    });
  }
}

TEST_CASE("sleeping ranks miss nothing") {
  ls::launch_threads(3,
                     [](ls::Threads& communicator) {
                       std::vector<float> values(3000, 1.0f);
                       for (int i = 0; i < 300; ++i) {
                         communicator.barrier();
                         communicator.all_reduce(std::span<float>(values), ls::Reduction::mean);
                       }
                       if (values[0] != 1.0f) throw ls::Error("wrong mean");
                     },
                     {.spin = std::chrono::nanoseconds(0)});
}

TEST_CASE("ranks that call different things are all told what each called") {
  const auto counts = texts_of(3, [](ls::Threads& communicator) {
    communicator.barrier();
    std::vector<float> values(communicator.rank() == 1 ? 1000 : 2000);
    communicator.all_reduce(std::span<float>(values));
  });
  for (const std::string& text : counts) {
    CHECK(contains(text, "the ranks disagree about collective #2"));
    CHECK(contains(text, "rank 0 called all_reduce<float32>(2000, sum)"));
    CHECK(contains(text, "rank 1 called all_reduce<float32>(1000, sum)"));
    CHECK(contains(text, "rank 2 called all_reduce<float32>(2000, sum)"));
  }
  const auto calls = texts_of(2, [](ls::Threads& communicator) {
    double value = 1;
    if (communicator.rank() == 0) communicator.barrier();
    if (communicator.rank() == 1) communicator.broadcast(std::span<double>(&value, 1), 1);
  });
  for (const std::string& text : calls) {
    CHECK(contains(text, "rank 0 called barrier(); rank 1 called broadcast<float64>(1, root 1)"));
  }
  const auto reductions = texts_of(2, [](ls::Threads& communicator) {
    std::vector<float> values(5000);
    communicator.all_reduce(std::span<float>(values),
                            communicator.rank() == 0 ? ls::Reduction::sum : ls::Reduction::mean);
  });
  for (const std::string& text : reductions) CHECK(contains(text, "all_reduce<float32>(5000, mean)"));
  const auto ragged = texts_of(2, [](ls::Threads& communicator) {
    std::vector<float> input(communicator.rank() == 0 ? 1 : 2), output(3);
    std::vector<std::int64_t> lengths{1, 2};
    if (communicator.rank() == 1) {
      lengths = {2, 1};
      input.resize(1);
    }
    communicator.all_gather_ragged(input, std::span<float>(output), lengths);
  });
  for (const std::string& text : ragged)
    CHECK(contains(text, "disagree about the counts of all_gather_ragged<float32>(3) #1"));
}

TEST_CASE("after an error every call throws at once and names the first error") {
  texts_of(2, [](ls::Threads& communicator) {
    std::vector<float> values(communicator.rank() == 1 ? 10 : 20);
    CHECK_THROWS_AS(communicator.all_reduce(std::span<float>(values)), ls::CommunicationError);
    for (int i = 0; i < 3; ++i) {
      try {
        communicator.barrier();
        CHECK(false);
      } catch (const ls::CommunicationError& error) {
        CHECK(contains(error.what(), "the communicator has failed before: threads: the ranks disagree"));
      }
    }
  });
}

TEST_CASE("the exception of the rank that failed first ends the others and comes out") {
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> ended{0};
    try {
      ls::launch_threads(4, [&](ls::Threads communicator) {
        communicator.barrier();
        if (communicator.rank() == 2) throw ls::NumericalError("the loss is not finite");
        try {
          for (;;) communicator.barrier();
        } catch (const ls::CommunicationError& error) {
          if (contains(error.what(), "rank 2 ended with an exception")) ++ended;
          throw;
        }
      });
      CHECK(false);
    } catch (const ls::NumericalError& error) {
      CHECK(std::string(error.what()) == "the loss is not finite");
    }
    CHECK(ended == 3);
  }
}

TEST_CASE("a rank that leaves early is named") {
  const auto texts = texts_of(2, [](ls::Threads& communicator) {
    communicator.barrier();
    if (communicator.rank() == 1) return;
    std::vector<float> values(10'000);
    communicator.all_reduce(std::span<float>(values));
  });
  CHECK(contains(texts[0], "rank 1 left after barrier() #1; this rank (0) was in all_reduce<float32>(10000, sum) #2"));
  CHECK(texts[1].empty());
}

TEST_CASE("a rank that does not come in time is named") {
  const auto texts = texts_of(2,
                              [](ls::Threads& communicator) {
                                communicator.barrier();
                                if (communicator.rank() == 1) {  // busy with something else
                                  const ls::Deadline busy = ls::Deadline::after(std::chrono::seconds(1));
                                  while (!busy.passed()) {}
                                }
                                communicator.barrier();
                              },
                              {.deadline = std::chrono::milliseconds(200)});
  CHECK(contains(
      texts[0], "rank 0 waited 0.2 s in barrier() #2 for rank 1, which is alive but was last seen after barrier() #1"));
  CHECK(contains(texts[1], "rank 0 reported: rank 0 waited 0.2 s"));
}

TEST_CASE("buffers may be freed after an error, even while peers were at work on them") {
  for (int i = 0; i < 50; ++i) {
    texts_of(3,
             [&](ls::Threads& communicator) {
               for (int round = 0;; ++round) {
                 std::vector<float> values(100'000, 1.0f);
                 auto pending = communicator.all_reduce_async(std::span<float>(values), ls::Reduction::sum);
                 if (communicator.rank() == 1 && round == 3) throw ls::CommunicationError("enough");
                 pending.wait();
               }
             },
             {.deadline = std::chrono::seconds(20)});
  }
}

TEST_CASE("a pending result may outlive its communicator") {
  ls::ThreadGroup group(1);
  std::vector<float> values(10, 2.0f);
  ls::Threads::Pending pending;
  {
    ls::Threads communicator = group.communicator(0);
    pending = communicator.all_reduce_async(std::span<float>(values), ls::Reduction::sum);
  }
  CHECK_THROWS_AS(pending.wait(), ls::CommunicationError);
  pending.wait();
}

TEST_CASE("each rank is handed out once") {
  ls::ThreadGroup group(2);
  const ls::Threads first = group.communicator(0);
  CHECK(first.size() == 2);
  CHECK_THROWS_AS(group.communicator(0), ls::ArgumentError);
  CHECK_THROWS_AS(group.communicator(2), ls::ArgumentError);
  CHECK_THROWS_AS(ls::ThreadGroup(0), ls::ArgumentError);
  CHECK_THROWS_AS(ls::ThreadGroup(1000), ls::ArgumentError);
}

TEST_CASE("random programs give the right results on threads") {
  for (const int size : {2, 3, 4}) {
    ls::launch_threads(size, [&](ls::Threads& communicator) {
      ls::testing::run_random_program(communicator, static_cast<std::uint64_t>(size), 400);
    });
  }
}
