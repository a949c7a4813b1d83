#include <lockstep/comm/launch/slurm_node_list.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace ls = lockstep;

namespace {

using Hosts = std::vector<std::string>;

/// The message of the EnvironmentError, or "" when nothing was thrown.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const ls::EnvironmentError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a Slurm node list expands in order") {
  CHECK(ls::expand_slurm_node_list("login1") == Hosts{"login1"});
  CHECK(ls::expand_slurm_node_list("a,b,c") == Hosts{"a", "b", "c"});
  CHECK(ls::expand_slurm_node_list("gn[10,20-25]") == Hosts{"gn10", "gn20", "gn21", "gn22", "gn23", "gn24", "gn25"});
  CHECK(ls::expand_slurm_node_list("n[7]") == Hosts{"n7"});
  CHECK(ls::expand_slurm_node_list("n[3-4],login,m[1-2]") == Hosts{"n3", "n4", "login", "m1", "m2"});
}

TEST_CASE("leading zeros of a Slurm range are kept") {
  CHECK(ls::expand_slurm_node_list("gn[09-11]") == Hosts{"gn09", "gn10", "gn11"});
  CHECK(ls::expand_slurm_node_list("n[001,1]") == Hosts{"n001", "n1"});
  CHECK(ls::expand_slurm_node_list("n[098-102]") == Hosts{"n098", "n099", "n100", "n101", "n102"});
}

TEST_CASE("a Slurm host may have several ranges and a suffix") {
  CHECK(ls::expand_slurm_node_list("rack[1-2]n[01-02]") == Hosts{"rack1n01", "rack1n02", "rack2n01", "rack2n02"});
  CHECK(ls::expand_slurm_node_list("n[1-2]-ib,x") == Hosts{"n1-ib", "n2-ib", "x"});
  CHECK(ls::expand_slurm_node_list("n[1-65536]").size() == 65536);
}

TEST_CASE("a malformed Slurm node list is refused with its text") {
  const std::vector<std::string> malformed{"",       ",",      "a,",       ",a",      "a,,b",          "n[1",
                                           "n1]",    "n[]",    "n[a]",     "n[1-]",   "n[-2]",         "n[1,]",
                                           "n[3-2]", "n[1 2]", "n[1-2-3]", "n[1[2]]", "n[9999999999]", "n[1-65537]"};
  for (const std::string& list : malformed) {
    CAPTURE(list);
    const std::string message = message_of([&] { ls::expand_slurm_node_list(list); });
    CHECK(message.find("Slurm node list \"" + list + "\"") == 0);
  }
}

TEST_CASE("a Slurm node list never makes more than 65536 hosts") {
  for (const char* list : {"n[1-999]m[1-999]", "n[1-999999999]", "n[1-40000],m[1-40000]", "n[1-40000,1-40000]"}) {
    CAPTURE(list);
    CHECK(message_of([&] { ls::expand_slurm_node_list(list); }).find("65536") != std::string::npos);
  }
}

TEST_CASE("Slurm tasks per node expand") {
  CHECK(ls::expand_slurm_tasks_per_node("4(x2),3") == std::vector<int>{4, 4, 3});
  CHECK(ls::expand_slurm_tasks_per_node("8") == std::vector<int>{8});
  CHECK(ls::expand_slurm_tasks_per_node("1,2,3(x3)") == std::vector<int>{1, 2, 3, 3, 3});
}

TEST_CASE("malformed Slurm tasks per node are refused with their text") {
  for (const std::string counts :
       {"", ",", "4,", "a", "4(x", "4(x2", "4(xa)", "4(y2)", "4 ", "-1", "0", "4(x0)", "4(x70000)", "4(x2)3"}) {
    CAPTURE(counts);
    const std::string message = message_of([&] { ls::expand_slurm_tasks_per_node(counts); });
    CHECK(message.find("Slurm tasks per node \"" + counts + "\"") == 0);
  }
}
