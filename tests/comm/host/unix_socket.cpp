#include <lockstep/comm/host/unix_socket.hpp>

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <chrono>
#include <string>
#include <vector>

namespace ls = lockstep;
using namespace ls::detail;

namespace {

struct Message {
  int number = 0;
  char text[20] = "";
};

ls::Deadline soon() { return ls::Deadline::after(std::chrono::seconds(10)); }
ls::Deadline at_once() { return ls::Deadline::after(std::chrono::milliseconds(20)); }

/// Both ends of a connection.
struct Connection {
  explicit Connection(const std::string& name) : listener(listen_at(name)), client(connect_to(name)) {
    REQUIRE(listener);
    REQUIRE(client);
    REQUIRE(wait_until_readable(listener, soon()));
    server = accept_connection(listener);
    REQUIRE(server);
  }
  ls::FileDescriptor listener, client, server;
};

std::string test_name(const char* part) {
  return ls::concat("lockstep-socket-", static_cast<int>(::getpid()), "-", part);
}

}  // namespace

TEST_CASE("a message arrives whole, with its descriptors") {
  const Connection connection(test_name("message"));
  CHECK(peer_user(connection.server) == ::geteuid());
  CHECK(peer_user(connection.client) == ::geteuid());
  std::vector<int> passed(200, connection.listener.get());
  CHECK(send_message(connection.client, Message{5, "hello"}, passed, soon()));
  Message message;
  std::vector<ls::FileDescriptor> received;
  CHECK(receive_message(connection.server, message, received, soon()));
  CHECK(message.number == 5);
  CHECK(std::string(message.text) == "hello");
  CHECK(received.size() == 200);
  for (const ls::FileDescriptor& descriptor : received) {
    struct stat original {
    }, copy{};
    CHECK(::fstat(connection.listener.get(), &original) == 0);
    CHECK(::fstat(descriptor.get(), &copy) == 0);
    CHECK(original.st_ino == copy.st_ino);
    CHECK((::fcntl(descriptor.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("a message of another size is not taken") {
  const Connection connection(test_name("size"));
  Message message;
  std::vector<ls::FileDescriptor> received;
  CHECK(send_message(connection.client, 'x', {}, soon()));
  CHECK(!receive_message(connection.server, message, received, soon()));
  struct Longer {
    char bytes[100] = {};
  };
  CHECK(send_message(connection.client, Longer{}, {}, soon()));
  CHECK(!receive_message(connection.server, message, received, soon()));
}

TEST_CASE("waits end at their deadline, or when the peer is gone") {
  Connection connection(test_name("deadline"));
  Message message;
  std::vector<ls::FileDescriptor> received;
  CHECK(!receive_message(connection.server, message, received, at_once()));
  connection.client.close();
  CHECK(!receive_message(connection.server, message, received, soon()));
  CHECK(!send_message(connection.server, message, {}, soon()));
}

TEST_CASE("a name is held by one listener and free when it closes") {
  const std::string name = test_name("name");
  CHECK(!connect_to(name));
  {
    const ls::FileDescriptor listener = listen_at(name);
    CHECK(listener);
    CHECK(!listen_at(name));
  }
  CHECK(!connect_to(name));
  CHECK(listen_at(name));
  CHECK_THROWS_AS(listen_at(""), ls::ArgumentError);
  CHECK_THROWS_AS(connect_to(std::string(108, 'x')), ls::ArgumentError);
}
