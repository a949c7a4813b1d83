#include "../faulty_threads.hpp"
#include "../mailboxes.hpp"
#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/split.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace ls = lockstep;
using ls::testing::FaultyThreads, ls::testing::found, ls::testing::MailFault, ls::testing::MailThreads,
    ls::testing::names;

namespace {

struct Right : FaultyThreads<Right> {
  using FaultyThreads::FaultyThreads;
};

struct IgnoresKeys : FaultyThreads<IgnoresKeys> {
  using FaultyThreads::FaultyThreads;
  IgnoresKeys split(int color, int) { return IgnoresKeys(Threads::split(color, 0)); }
};

struct UnsignedKeys : FaultyThreads<UnsignedKeys> {  // -1 comes last
  using FaultyThreads::FaultyThreads;
  UnsignedKeys split(int color, int key) { return UnsignedKeys(Threads::split(color, key & 0x7fffffff)); }
};

struct IgnoresColors : FaultyThreads<IgnoresColors> {
  using FaultyThreads::FaultyThreads;
  IgnoresColors split(int, int key) { return IgnoresColors(Threads::split(0, key)); }
};

constexpr auto check_members = [](auto& communicator) { ls::testing::check_split_members(communicator); };
constexpr auto check_messages = [](auto& communicator) { ls::testing::check_split_messages(communicator); };

}  // namespace

TEST_CASE("parts that are right pass") {
  for (const int size : {1, 2, 5}) {
    CHECK(found<Right>(size, check_members) == "nothing");
    CHECK(found<Right>(size, [](auto& communicator) { ls::testing::check_split_independence(communicator); }) ==
          "nothing");
    CHECK(found<MailThreads<MailFault::none>>(size, check_messages) == "nothing");
  }
  ls::Single single;
  ls::testing::check_split_members(single);
  ls::testing::check_split_independence(single);
  ls::testing::check_split_messages(single);
}

TEST_CASE("parts with other members or in another order are found") {
  CHECK(found<IgnoresKeys>(2, check_members).find("reversed keys: rank ") != std::string::npos);
  CHECK(found<UnsignedKeys>(3, check_members).find("reversed keys: rank ") != std::string::npos);
  CHECK(found<IgnoresColors>(2, check_members).find("by parity: the part should have 1 ranks") != std::string::npos);
}

TEST_CASE("messages of the whole that get into a part are found") {
  CHECK(names(found<MailThreads<MailFault::mixed_up_parts>>(2, check_messages), "split"));
}
