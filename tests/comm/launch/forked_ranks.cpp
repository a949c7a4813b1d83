#include <lockstep/comm/launch/forked_ranks.hpp>

#include <doctest/doctest.h>

#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>

namespace ls = lockstep;

namespace {

using namespace std::chrono_literals;
using ls::detail::ForkedRanks;

constexpr auto no_limit = std::chrono::nanoseconds::max();

/// Memory that this process and its ranks share.
class Shared {
 public:
  Shared() : memory_(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(memory_ != MAP_FAILED);
    new (memory_) std::atomic<long>[16] {};
  }
  ~Shared() { ::munmap(memory_, 4096); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  std::atomic<long>& operator[](int index) const { return static_cast<std::atomic<long>*>(memory_)[index]; }

 private:
  void* memory_;
};

/// Runs `function(rank)` in as many ranks; the text of the error, or "".
std::string run(int count, const std::function<void(int)>& function, std::chrono::nanoseconds limit = 60s,
                std::chrono::nanoseconds grace = 10s) {
  try {
    ForkedRanks ranks;
    for (int rank = 0; rank < count; ++rank) {
      ranks.start([&function, rank] {
        ::signal(SIGTERM, SIG_DFL);  // without the handler of the test framework
        function(rank);
      });
    }
    ranks.wait(limit, grace);
  } catch (const ls::Error& error) {
    return error.what();
  }
  return "";
}

void wait_for(const std::atomic<long>& value) {
  for (int i = 0; i < 3000 && value == 0; ++i) ::usleep(10'000);
}

void sleep_long() { ::usleep(100'000'000); }

int open_descriptors() {
  int count = 0;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) count += ::fcntl(descriptor, F_GETFD) >= 0;
  return count;
}

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

bool is_alive(long process) { return ::kill(static_cast<pid_t>(process), 0) == 0; }

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

template <class Kind>
bool kind_comes_back() {
  ForkedRanks ranks;
  ranks.start([] { throw Kind("what a rank says"); });
  try {
    ranks.wait(60s, 1s);
  } catch (const Kind& error) {
    return holds(error.what(), "rank 0 of 1 (pid ") && holds(error.what(), "): what a rank says");
  }
  return false;
}

}  // namespace

TEST_CASE("every rank runs in a process of its own, and nothing is left of them") {
  const Shared shared;
  const int descriptors = open_descriptors();
  int own = 0;
  CHECK(run(3, [&](int rank) {
          ++own;
          shared[rank] = ::getpid();
        }).empty());
  CHECK(own == 0);
  for (int rank = 0; rank < 3; ++rank) {
    CHECK(shared[rank] > 0);
    CHECK(shared[rank] != ::getpid());
    CHECK(shared[rank] != shared[(rank + 1) % 3]);
  }
  CHECK_FALSE(has_children());
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("an error comes back as the kind it was, with rank and process") {
  CHECK(kind_comes_back<ls::ArgumentError>());
  CHECK(kind_comes_back<ls::ShapeError>());
  CHECK(kind_comes_back<ls::IoError>());
  CHECK(kind_comes_back<ls::EnvironmentError>());
  CHECK(kind_comes_back<ls::CommunicationError>());
  CHECK(kind_comes_back<ls::CheckpointError>());
  CHECK(kind_comes_back<ls::NumericalError>());
  CHECK(kind_comes_back<ls::Error>());
  CHECK(holds(run(1, [](int) { throw std::bad_alloc(); }), "bad_alloc"));
  CHECK(holds(run(1, [](int) { throw 7; }), "threw something that is no std::exception"));
}

TEST_CASE("a long text comes back up to a limit") {
  const std::string text = run(1, [](int) { throw ls::Error(std::string(1'000'000, 'x')); });
  CHECK(text.size() > 30'000);
  CHECK(text.size() < 40'000);
}

TEST_CASE("when a rank fails the others are ended") {
  const Shared shared;
  const auto begin = std::chrono::steady_clock::now();
  const std::string text = run(3, [&](int rank) {
    shared[rank] = ::getpid();
    if (rank == 1) throw ls::Error("no");
    sleep_long();
  });
  CHECK(holds(text, ": no; 2 other ranks were still running and were ended"));
  CHECK(std::chrono::steady_clock::now() - begin < 60s);
  for (int rank = 0; rank < 3; ++rank) CHECK_FALSE(is_alive(shared[rank]));
  CHECK_FALSE(has_children());
}

TEST_CASE("a rank that does not end on SIGTERM is killed after the grace time") {
  const Shared shared;
  const std::string text = run(
      2,
      [&](int rank) {
        if (rank == 0) {
          ::signal(SIGTERM, SIG_IGN);
          shared[0] = 1;
          sleep_long();
        }
        wait_for(shared[0]);
        throw ls::Error("no");
      },
      60s, 100ms);
  CHECK(holds(text, "rank 1 of 2"));
  CHECK_FALSE(has_children());
}

TEST_CASE("a stopped rank is ended, too") {
  const std::string text = run(2, [](int rank) {
    if (rank == 0) ::raise(SIGSTOP);
    ::usleep(100'000);
    throw ls::Error("no");
  });
  CHECK(holds(text, "rank 1 of 2"));
  CHECK_FALSE(has_children());
}

TEST_CASE("a rank that was killed is to blame, not those that noticed") {
  const Shared shared;
  for (int i = 0; i < 3; ++i) {
    shared[0] = 0;
    const std::string text = run(3, [&](int rank) {
      if (rank != 1) {
        wait_for(shared[0]);
        throw ls::CommunicationError("rank 1 died");
      }
      shared[0] = 1;  // the others are quicker
      ::usleep(300'000);
      ::raise(SIGKILL);
    });
    CHECK(holds(text, "rank 1 of 3"));
    CHECK(holds(text, "was killed by signal 9 (Killed)"));
  }
}

TEST_CASE("an own error is to blame before one of communication") {
  const Shared shared;
  const std::string text = run(2, [&](int rank) {
    if (rank == 0) {
      wait_for(shared[0]);
      throw ls::CommunicationError("rank 1 left");
    }
    shared[0] = 1;
    ::usleep(500'000);  // longer than others get to say their last words
    throw ls::ShapeError("the cause");
  });
  CHECK(holds(text, "rank 1 of 2"));
  CHECK(holds(text, "the cause"));
}

TEST_CASE("of equal errors the first is to blame") {
  const Shared shared;
  const std::string text = run(2, [&](int rank) {
    if (rank == 0) {
      wait_for(shared[0]);
      ::usleep(150'000);
    }
    shared[0] = 1;
    throw ls::Error("no");
  });
  CHECK(holds(text, "rank 1 of 2"));
}

TEST_CASE("a rank that ends the process is an error, whatever its status") {
  CHECK(holds(run(1, [](int) { ::_exit(3); }), "ended with exit status 3 instead of returning"));
  CHECK(holds(run(1, [](int) { ::_exit(0); }), "ended with exit status 0 instead of returning"));
}

TEST_CASE("the deadline ends everyone and names who was late") {
  const auto begin = std::chrono::steady_clock::now();
  const std::string text = run(
      3,
      [](int rank) {
        if (rank != 1) sleep_long();
      },
      2s);
  CHECK(holds(text, "the deadline of 2 s passed; rank(s) 0, 2 were still running"));
  CHECK(std::chrono::steady_clock::now() - begin < 60s);
  CHECK_FALSE(has_children());
  CHECK(run(
            1, [](int) {}, no_limit)
            .empty());
}

TEST_CASE("ranks that are not waited for are killed") {
  const Shared shared;
  {
    ForkedRanks ranks;
    ranks.start([&] {
      shared[0] = ::getpid();
      sleep_long();
    });
    wait_for(shared[0]);
  }
  CHECK(shared[0] > 0);
  CHECK_FALSE(is_alive(shared[0]));
  CHECK_FALSE(has_children());
}

TEST_CASE("ranks die with the process that made them") {
  const Shared shared;
  const pid_t middle = ::fork();
  REQUIRE(middle >= 0);
  if (middle == 0) {
    ForkedRanks ranks;
    ranks.start([&] {
      ::signal(SIGTERM, SIG_IGN);
      shared[0] = ::getpid();
      sleep_long();
    });
    wait_for(shared[0]);
    ::raise(SIGKILL);
  }
  ::waitpid(middle, nullptr, 0);
  CHECK(shared[0] > 0);
  bool alive = true;
  for (int i = 0; i < 3000 && alive; ++i) {
    alive = is_alive(shared[0]);
    ::usleep(10'000);
  }
  CHECK_FALSE(alive);
}

TEST_CASE("output is written once, whoever had buffered it") {
  char path[] = "/tmp/lockstep-output-XXXXXX";
  const ls::FileDescriptor file(::mkstemp(path));
  REQUIRE(file);
  std::FILE* stream = ::fdopen(::dup(file.get()), "a");
  REQUIRE(stream != nullptr);
  std::fputs("before ", stream);
  CHECK(run(2, [&](int rank) {
          if (rank == 1) ::usleep(100'000);
          std::fprintf(stream, "rank %d ", rank);
        }).empty());
  std::fputs("after", stream);
  std::fclose(stream);
  CHECK(ls::read_file(path) == "before rank 0 rank 1 after");
  ::unlink(path);
}

TEST_CASE("ignored SIGCHLD does not confuse the watch") {
  ::signal(SIGCHLD, SIG_IGN);
  const std::string good = run(2, [](int) {}), bad = run(2, [](int rank) {
                                                 if (rank == 1) throw ls::Error("no");
                                               });
  ::signal(SIGCHLD, SIG_DFL);
  CHECK(good.empty());
  CHECK(holds(bad, "rank 1 of 2"));
  CHECK(holds(bad, ": no"));
}

TEST_CASE("a limit of processes or descriptors is an error that says so") {
  rlimit before{}, tight{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  tight = before;
  tight.rlim_cur = static_cast<rlim_t>(ls::open_file("/dev/null", O_RDONLY).get());  // the first that is free
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  const std::string text = run(1, [](int) {});
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(holds(text, "cannot start rank 0"));
  CHECK(holds(text, "ulimit"));
}
