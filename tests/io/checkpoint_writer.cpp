#include "temporary_directory.hpp"
#include <lockstep/io/checkpoint_reader.hpp>
#include <lockstep/io/checkpoint_writer.hpp>

#include <doctest/doctest.h>

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

/// A checkpoint in two files; all its numbers are `step`.
void save(const std::string& directory, std::int64_t step) {
  std::vector<float> weight(3000, static_cast<float>(step));
  const ls::StateEntry model{"weight", ls::DType::float32, {3000}, weight.data()};
  const ls::StateEntry loop{"step", ls::DType::int64, {}, &step};
  ls::CheckpointWriter writer(directory, step);
  writer.write("model.safetensors", {&model, 1});
  writer.write("loop.safetensors", {&loop, 1});
  writer.commit();
}

/// The step of a checkpoint after all of it has been read and compared; throws when anything is wrong with it.
std::int64_t loaded_step(const std::string& directory) {
  const ls::CheckpointReader reader(directory);
  std::vector<float> weight(3000);
  std::int64_t step = 0;
  const ls::StateEntry model{"weight", ls::DType::float32, {3000}, weight.data()};
  const ls::StateEntry loop{"step", ls::DType::int64, {}, &step};
  reader.open("model.safetensors").load({&model, 1});
  reader.open("loop.safetensors").load({&loop, 1});
  REQUIRE(reader.step() == step);
  for (const float value : weight) REQUIRE(value == static_cast<float>(step));
  return step;
}

struct Outcome {
  bool traced = true;         // tracing is allowed here
  bool finished = false;      // the function came to its end
  std::vector<long> calls{};  // numbers of the system calls that were begun
};

/// Runs a function in a process that is killed at its n-th system call, before the kernel does anything.
template <class Function>
Outcome run_and_kill_at(std::size_t n, Function function) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
    ::raise(SIGSTOP);
    int code = 1;
    try {
      function();
      code = 0;
    } catch (const ls::Error&) {}
    ::_exit(code);
  }
  Outcome outcome;
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) {
    REQUIRE(WEXITSTATUS(status) == 77);
    outcome.traced = false;
    return outcome;
  }
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  REQUIRE(::ptrace(PTRACE_SETOPTIONS, child, nullptr, reinterpret_cast<void*>(options)) == 0);
  for (;;) {
    REQUIRE(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0);
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status)) {
      CHECK(WEXITSTATUS(status) == 0);
      outcome.finished = true;
      return outcome;
    }
    REQUIRE(WIFSTOPPED(status));
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
    __ptrace_syscall_info info{};
    REQUIRE(::ptrace(PTRACE_GET_SYSCALL_INFO, child, reinterpret_cast<void*>(sizeof info), &info) > 0);
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    if (outcome.calls.size() == n) {
      REQUIRE(::kill(child, SIGKILL) == 0);
      REQUIRE(::waitpid(child, &status, 0) == child);
      return outcome;
    }
    outcome.calls.push_back(static_cast<long>(info.entry.nr));
  }
}

constexpr std::size_t never = SIZE_MAX;

std::string message_of(const std::string& directory) {
  try {
    save(directory, 2);
  } catch (const ls::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("checkpoint writer: saves, replaces, and leaves nothing else behind") {
  const TemporaryDirectory place;
  for (std::int64_t step = 1; step <= 3; ++step) {
    save(place / "runs/one/last", step);
    CHECK(loaded_step(place / "runs/one/last") == step);
    CHECK(ls::list_directory(place / "runs/one") == std::vector<std::string>{"last"});
    CHECK(ls::list_directory(place / "runs/one/last") ==
          std::vector<std::string>{"loop.safetensors", "manifest.json", "model.safetensors"});
  }
}

TEST_CASE("checkpoint writer: without a commit nothing stays") {
  const TemporaryDirectory place;
  save(place / "last", 1);
  float x = 0;
  const ls::StateEntry entry{"x", ls::DType::float32, {}, &x};
  {
    ls::CheckpointWriter writer(place / "last", 2);
    writer.write("x.safetensors", {&entry, 1});
    CHECK(ls::path_exists(writer.staging()));
  }
  CHECK(ls::list_directory(place.path) == std::vector<std::string>{"last"});
  CHECK(loaded_step(place / "last") == 1);
}

TEST_CASE("checkpoint writer: killed at any system call, the old or the new checkpoint is whole") {
  const TemporaryDirectory measured;
  save(measured / "last", 1);
  const Outcome whole = run_and_kill_at(never, [&] { save(measured / "last", 2); });
  if (!whole.traced) {
    MESSAGE("this system does not allow tracing; the crash test was left out");
    return;
  }
  REQUIRE(whole.finished);
  REQUIRE(whole.calls.size() > 20);

  bool seen_old = false;
  bool seen_new = false;
  for (std::size_t n = 0; n < whole.calls.size(); ++n) {
    const TemporaryDirectory place;
    save(place / "last", 1);
    run_and_kill_at(n, [&] { save(place / "last", 2); });
    INFO("killed at system call " << n << " of " << whole.calls.size());
    const std::int64_t step = loaded_step(place / "last");
    REQUIRE((step == 1 || step == 2));
    REQUIRE(!(seen_new && step == 1));  // once it is there it stays
    seen_old = seen_old || step == 1;
    seen_new = seen_new || step == 2;
    REQUIRE(ls::list_checkpoints(place.path).size() == 1);
    save(place / "last", 3);  // the next writer clears away what is left
    REQUIRE(loaded_step(place / "last") == 3);
    REQUIRE(ls::list_directory(place.path) == std::vector<std::string>{"last"});
  }
  CHECK(seen_old);
  CHECK(seen_new);
}

TEST_CASE("checkpoint writer: killed at any system call where names cannot be exchanged") {
  for (std::size_t n = 0;; ++n) {
    const TemporaryDirectory place;
    save(place / "last", 1);
    const std::string staging = ls::concat(place / "last", ls::detail::staging_mark, "other-1");
    save(place / "new", 2);
    ls::rename_path(place / "new", staging);
    const Outcome outcome = run_and_kill_at(n, [&] { ls::detail::publish(staging, place / "last", false); });
    if (!outcome.traced) {
      MESSAGE("this system does not allow tracing; the crash test was left out");
      return;
    }
    INFO("killed at system call " << n);
    const std::int64_t step = loaded_step(place / "last");
    REQUIRE((step == 1 || step == 2));
    REQUIRE(ls::list_checkpoints(place.path).size() == 1);
    save(place / "last", 3);
    REQUIRE(loaded_step(place / "last") == 3);
    if (outcome.finished) {
      CHECK(step == 2);
      CHECK(n >= 3);
      break;
    }
  }
}

TEST_CASE("checkpoint writer: a checkpoint that a crash left moved aside is brought back, not cleared away") {
  const TemporaryDirectory place;
  const std::string own = ls::detail::process_mark();
  const std::string dead = own.substr(0, own.rfind('-') + 1) + "2000000000";  // beyond the largest process number
  save(place / "last", 1);
  ls::rename_path(place / "last", ls::concat(place / "last", ls::detail::replaced_mark, dead));
  ls::make_directories(ls::concat(place / "last", ls::detail::staging_mark, dead));
  { const ls::CheckpointWriter without_commit(place / "last", 2); }
  CHECK(loaded_step(place / "last") == 1);
  CHECK(ls::list_directory(place.path) == std::vector<std::string>{"last"});
}

TEST_CASE("checkpoint writer: everything is on the disk before the name, and the name before the old one goes") {
  const TemporaryDirectory place;
  save(place / "last", 1);
  const Outcome outcome = run_and_kill_at(never, [&] { save(place / "last", 2); });
  if (!outcome.traced) return;
  REQUIRE(outcome.finished);
  const auto& calls = outcome.calls;
  const auto is_removal = [](long call) {
#ifdef SYS_unlink
    if (call == SYS_unlink || call == SYS_rmdir) return true;
#endif
    return call == SYS_unlinkat;
  };
  const auto exchange = std::find(calls.begin(), calls.end(), SYS_renameat2);
  const auto removal = std::find_if(calls.begin(), calls.end(), is_removal);
  REQUIRE(exchange != calls.end());
  REQUIRE(removal > exchange);
  CHECK(std::count(calls.begin(), exchange, SYS_fsync) >= 4);  // two files, the manifest, the directory
  CHECK(std::count(exchange, removal, SYS_fsync) >= 1);        // the parent
  const auto last = [&](long call) {
    return std::find(std::make_reverse_iterator(exchange), calls.rend(), call).base();
  };
  CHECK(last(SYS_write) < last(SYS_fsync));
}

TEST_CASE("checkpoint writer: a full disk is an error with the path, and the old checkpoint stays") {
  const TemporaryDirectory place;
  save(place / "last", 1);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string message = message_of(place / "last");
    ::_exit(message.find("model.safetensors': File too large") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(loaded_step(place / "last") == 1);
  CHECK(ls::list_directory(place.path) == std::vector<std::string>{"last"});
}

TEST_CASE("checkpoint writer: places that cannot be written to") {
  const TemporaryDirectory place;
  write_text(place / "file", "x");
  CHECK(message_of(place / "file/step-1").find("Not a directory") != std::string::npos);
  CHECK(message_of("/proc/nowhere/step-1").find("/proc/nowhere") != std::string::npos);
  CHECK(message_of("") != "");
  CHECK(message_of("/") != "");
}

TEST_CASE("checkpoint writer: never replaces what is not a checkpoint") {
  const TemporaryDirectory place;
  write_text(place / "file", "thesis");
  CHECK(message_of(place / "file").find("it exists and is not a checkpoint") != std::string::npos);
  CHECK(ls::read_file(place / "file") == "thesis");
  ls::make_directories(place / "photos");
  write_text(place / "photos/wedding", "x");
  CHECK(message_of(place / "photos").find("it exists and is not a checkpoint") != std::string::npos);
  CHECK(ls::path_exists(place / "photos/wedding"));
  ls::make_directories(place / "empty");
  CHECK(message_of(place / "empty") == "");
  CHECK(loaded_step(place / "empty") == 2);
}

TEST_CASE("checkpoint writer: files of other ranks are added with their summaries") {
  const TemporaryDirectory place;
  std::int64_t step = 1;
  const ls::StateEntry entry{"step", ls::DType::int64, {}, &step};
  {
    ls::CheckpointWriter writer(place / "a", 1);
    writer.add("rank-0.safetensors", ls::write_safetensors(writer.staging() + "/rank-0.safetensors", {&entry, 1}));
    writer.add("rank-1.safetensors", ls::write_safetensors(writer.staging() + "/rank-1.safetensors", {&entry, 1}));
    CHECK_THROWS_AS(writer.add("rank-1.safetensors", {}), ls::ArgumentError);
    CHECK_THROWS_AS(writer.add("../rank-1.safetensors", {}), ls::ArgumentError);
    CHECK_THROWS_AS(writer.write("manifest.json", {&entry, 1}), ls::ArgumentError);
    writer.commit();
    CHECK_THROWS_AS(writer.commit(), ls::ArgumentError);
  }
  CHECK(ls::CheckpointReader(place / "a").files().size() == 2);

  ls::CheckpointWriter missing(place / "b", 1);
  missing.add("rank-0.safetensors", {100, 0});
  CHECK_THROWS_WITH_AS(missing.commit(), doctest::Contains("rank-0.safetensors"), ls::IoError);
  write_text(missing.staging() + "/rank-0.safetensors", "short");
  CHECK_THROWS_WITH_AS(missing.commit(), doctest::Contains("has 5 bytes, its writer reported 100"), ls::IoError);
  CHECK(!ls::path_exists(place / "b"));
}
