#include <lockstep/comm/launch/process_identity.hpp>

#include <doctest/doctest.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace detail = lockstep::detail;

namespace {

/// What a child process takes for its job's proxy, after `prepare` ran in the child.
template <class Prepare>
std::string identity_seen_by_a_child(Prepare prepare) {
  int channel[2];
  REQUIRE(pipe(channel) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    prepare();
    const std::string identity = detail::hydra_proxy_identity();
    _exit(write(channel[1], identity.data(), identity.size()) > 0 ? 0 : 1);
  }
  close(channel[1]);
  char text[64] = "";
  const ssize_t length = read(channel[0], text, sizeof text - 1);
  close(channel[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  REQUIRE(length > 0);
  return text;
}

}  // namespace

TEST_CASE("a process is known by its number and its start") {
  const detail::ProcessFacts facts = detail::process_facts(getpid());
  CHECK(facts.parent == getppid());
  CHECK(facts.start_time > 0);
  CHECK(std::string(facts.name).size() > 0);
  CHECK(detail::process_identity(getpid()) == detail::process_identity(getpid()));
  CHECK(detail::process_identity(getpid()) != detail::process_identity(getppid()));
}

TEST_CASE("a process that is not there has no facts") {
  const detail::ProcessFacts facts = detail::process_facts(-1);
  CHECK(facts.parent == 0);
  CHECK(facts.start_time == 0);
}

TEST_CASE("ranks without a proxy of the process manager take their parent for it") {
  CHECK(identity_seen_by_a_child([] {}) == detail::process_identity(getpid()));
}

TEST_CASE("ranks under a proxy of the process manager find it above a script") {
  char before[16];
  REQUIRE(prctl(PR_GET_NAME, before) == 0);
  REQUIRE(prctl(PR_SET_NAME, "hydra_pmi_proxy") == 0);
  const std::string identity = identity_seen_by_a_child([] {
    prctl(PR_SET_NAME, "sh");
    const pid_t rank = fork();
    if (rank == 0) return;
    int status = 1;
    waitpid(rank, &status, 0);
    _exit(status == 0 ? 0 : 1);
  });
  REQUIRE(prctl(PR_SET_NAME, before) == 0);
  CHECK(identity == detail::process_identity(getpid()));
}
