#include "../faulty_threads.hpp"
#include "../mailboxes.hpp"
#include <lockstep/comm/single.hpp>
#include <lockstep/testing/communicator/messages.hpp>

#include <doctest/doctest.h>

namespace ls = lockstep;
using ls::testing::found, ls::testing::MailFault, ls::testing::MailThreads, ls::testing::names;

namespace {

struct Swallowed : ls::testing::FaultyThreads<Swallowed> {
  using FaultyThreads::FaultyThreads;
  template <class T>
  void send(std::span<T>, int) {}
  template <class T>
  void receive(std::span<T>, int) {}
};

constexpr auto check_messages = [](auto& communicator) { ls::testing::check_messages(communicator); };

}  // namespace

TEST_CASE("messages through mailboxes pass; a world of one has none") {
  for (const int size : {2, 3, 4, 5}) CHECK(found<MailThreads<MailFault::none>>(size, check_messages) == "nothing");
  ls::Single single;
  ls::testing::check_messages(single);
}

TEST_CASE("messages that overtake each other are found") {
  const std::string text = found<MailThreads<MailFault::reordered>>(3, check_messages);
  CHECK(names(text, "messages"));
  CHECK(text.find("number ") != std::string::npos);
}

TEST_CASE("messages that never arrive are found") { CHECK(names(found<Swallowed>(2, check_messages), "messages")); }
