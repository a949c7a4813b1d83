#include <lockstep/comm/launch.hpp>
#include <lockstep/core/thread.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

using namespace std::chrono_literals;

/// One number that this process and its ranks share.
class SharedNumber {
 public:
  SharedNumber() : memory_(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
    new (memory_) std::atomic<long>(0);
  }
  ~SharedNumber() { ::munmap(memory_, 4096); }
  SharedNumber(const SharedNumber&) = delete;
  SharedNumber& operator=(const SharedNumber&) = delete;
  std::atomic<long>& operator*() const { return *static_cast<std::atomic<long>*>(memory_); }

 private:
  void* memory_;
};

ls::LaunchOptions within(std::chrono::nanoseconds deadline) {
  ls::LaunchOptions options;
  options.deadline = deadline;
  return options;
}

template <class Function>
std::string failure(int ranks, Function function, std::chrono::nanoseconds deadline = 60s) {
  auto* const before = ::signal(SIGTERM, SIG_DFL);  // ranks shall not have the handler of the test framework
  try {
    ls::launch(ranks, function, within(deadline));
  } catch (const ls::Error& error) {
    ::signal(SIGTERM, before);
    return error.what();
  }
  ::signal(SIGTERM, before);
  return "";
}

int open_descriptors() {
  int count = 0;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) count += ::fcntl(descriptor, F_GETFD) >= 0;
  return count;
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("ranks meet on a ring and compute together") {
  for (const int size : {1, 2, 3}) {
    const SharedNumber sum;
    ls::launch(
        size,
        [&](ls::Ring& ring) {
          std::vector<float> values(1000, static_cast<float>(ring.rank() + 1));
          ring.all_reduce(std::span<float>(values));
          *sum += static_cast<long>(values[999]);
        },
        within(60s));
    CHECK(*sum == size * size * (size + 1) / 2);
  }
}

TEST_CASE("a rank may take its environment and find it again") {
  const SharedNumber good;
  ::setenv("LOCKSTEP_RANK", "77", 1);  // of an outer launcher
  ls::launch(
      2,
      [&](const ls::LaunchEnvironment& environment) {
        const ls::LaunchEnvironment again = ls::LaunchEnvironment::detect();
        ls::Ring ring(again);
        ring.barrier();
        *good += environment.world_size == 2 && environment.local_world_size == 2 && environment.node_count == 1 &&
                 environment.launcher == "lockstep" && again.rank == environment.rank &&
                 again.job_id == environment.job_id && environment.master_port > 0 && ring.rank() == environment.rank;
      },
      within(60s));
  CHECK(std::string(std::getenv("LOCKSTEP_RANK")) == "77");
  ::unsetenv("LOCKSTEP_RANK");
  CHECK(std::getenv("LOCKSTEP_JOB_ID") == nullptr);
  CHECK(*good == 2);
}

TEST_CASE("a function over any communicator gets the ring") {
  CHECK(failure(2, [](auto& ring) { ring.barrier(); }).empty());
}

TEST_CASE("a rank that throws is named, though the others notice") {
  const std::string text = failure(3, [](ls::Ring& ring) {
    ring.barrier();
    if (ring.rank() == 2) throw ls::NumericalError("the loss is nan");
    for (;;) ring.barrier();
  });
  CHECK(holds(text, "launch: rank 2 of 3 (pid "));
  CHECK(holds(text, "): the loss is nan"));
  CHECK_THROWS_AS(ls::launch(1, [](ls::Ring&) { throw ls::NumericalError("the loss is nan"); }), ls::NumericalError);
}

TEST_CASE("a rank that is killed is named, though the others notice") {
  const std::string text = failure(3, [](ls::Ring& ring) {
    ring.barrier();
    if (ring.rank() == 1) ::raise(SIGKILL);
    for (;;) ring.barrier();
  });
  CHECK(holds(text, "launch: rank 1 of 3 (pid "));
  CHECK(holds(text, "was killed by signal 9 (Killed)"));
}

TEST_CASE("the deadline ends ranks that hang") {
  const std::string text = failure(
      2,
      [](ls::Ring& ring) {
        if (ring.rank() == 0) ring.barrier();
        ::usleep(100'000'000);
      },
      1s);
  CHECK(holds(text, "the deadline of 1 s passed; rank(s) 0, 1 were still running"));
}

TEST_CASE("nothing is left of many launches") {
  ls::launch(1, [](ls::Ring&) {});
  const int descriptors = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0) {
      CHECK(failure(2, [](ls::Ring& ring) { ring.barrier(); }).empty());
    } else {
      CHECK(holds(failure(2,
                          [](ls::Ring& ring) {
                            if (ring.rank() == 0) throw ls::Error("no");
                          }),
                  "rank 0 of 2"));
    }
  }
  CHECK(open_descriptors() == descriptors);
  CHECK_FALSE(has_children());
}

TEST_CASE("a process with other threads cannot launch") {
  std::atomic<bool> stop{false};
  ls::Thread other([&] {
    while (!stop) ::usleep(1000);
  });
  const std::string text = failure(2, [](ls::Ring&) {});
  stop = true;
  other.join();
  CHECK(holds(text, "launch: this process has "));
  CHECK(holds(text, "threads"));
  CHECK(failure(2, [](ls::Ring&) {}).empty());
}

TEST_CASE("a number of ranks that cannot be is refused") {
  for (const int ranks : {0, -1, 251}) {
    CAPTURE(ranks);
    CHECK(holds(failure(ranks, [](ls::Ring&) {}), ls::concat("must be from 1 to 250, got ", ranks)));
  }
}
