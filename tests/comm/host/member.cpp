#include <lockstep/comm/host/member.hpp>
#include <lockstep/comm/threads.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

struct TwoMembers {
  ls::Shared<ThreadGroupState> group = ls::Shared<ThreadGroupState>::make(2, ls::ThreadGroupOptions{});
  Member<ThreadTransport> first{ThreadTransport{group}, group->page, 0};
  Member<ThreadTransport> second{ThreadTransport{group}, group->page, 1};
};

template <class Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const ls::CommunicationError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a rank that leaves with work undone is a failure, one that leaves after it is not") {
  TwoMembers tidy, untidy;
  tidy.first.leave(false, 0);
  CHECK(!tidy.second.failure_seen());
  CHECK(tidy.group->page.rank(0).identity.state.load() == RankState::left);
  CHECK(error_of([&] { tidy.first.require_no_error(); }) ==
        "the communicator has failed before: threads: this rank has left the communicator");
  untidy.first.leave(false, 3);
  CHECK(untidy.second.failure_seen());
  CHECK(error_of([&] { untidy.second.fail_with_group(""); }) ==
        "threads: rank 0 reported: rank 0 left while 3 of its operations were pending");
}

TEST_CASE("the first failure is everyone's, with what each was in") {
  TwoMembers members;
  members.second.require_no_error();
  CHECK(error_of([&] { members.first.fail("the disk is full"); }) == "threads: the disk is full");
  CHECK(error_of([&] { members.second.fail_with_group("barrier() #7"); }) ==
        "threads: rank 0 reported: the disk is full; this rank (1) was in barrier() #7");
  CHECK(error_of([&] {
          members.second.require_no_error();
        }).starts_with("the communicator has failed before: threads: rank 0 reported: the disk is full"));
}

TEST_CASE("nobody works on the buffers of ranks that have failed, and an error in the work leaves no mark") {
  TwoMembers members;
  int done = 0;
  CHECK(members.second.work_on_peers([&] {
    ++done;
    CHECK(members.second.own().counters.working.load() == 1);
  }));
  CHECK_THROWS_AS(members.second.work_on_peers([] { throw std::runtime_error("no"); }), std::runtime_error);
  CHECK(members.second.own().counters.working.load() == 0);
  members.first.abandon("enough");
  CHECK(!members.second.work_on_peers([&] { ++done; }));
  CHECK(done == 1);
}
