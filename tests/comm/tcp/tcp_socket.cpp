#include "tcp_test.hpp"
#include <lockstep/comm/tcp/tcp_socket.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>

#include <chrono>
#include <string>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

Deadline soon(int milliseconds = 5000) { return Deadline::after(std::chrono::milliseconds(milliseconds)); }

int option(const FileDescriptor& socket, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  REQUIRE(::getsockopt(socket.get(), level, name, &value, &length) == 0);
  return value;
}

int connect_now(const SocketAddress& address) {
  int status = 0;
  const FileDescriptor socket = begin_connect(address, {}, status);
  if (status != EINPROGRESS) return status;
  pollfd descriptor{socket.get(), POLLOUT, 0};
  REQUIRE(wait_for_any({&descriptor, 1}, soon()));
  return connect_status(socket);
}

}  // namespace

TEST_CASE("a connection has the options of its job, on both sides") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    const SocketSettings settings{std::chrono::seconds(5), 1 << 16};
    FileDescriptor listener;
    try {
      listener = listen_on(*numeric_address(host, 0), settings, soon());
    } catch (const Error&) {
      if (host == std::string("::1")) continue;  // a machine without IPv6
      throw;
    }
    const SocketAddress address = local_address(listener.get());
    CHECK(address.is_loopback());
    CHECK(address.port() != 0);
    int status = 0;
    const FileDescriptor caller = begin_connect(address, settings, status);
    pollfd knock{listener.get(), POLLIN, 0};
    REQUIRE(wait_for_any({&knock, 1}, soon()));
    const FileDescriptor answerer = accept_from(listener, settings);
    REQUIRE(answerer);
    CHECK(connect_status(caller) == 0);
    for (const FileDescriptor* socket : {&caller, &answerer}) {
      CHECK(option(*socket, IPPROTO_TCP, TCP_NODELAY) != 0);
      CHECK(option(*socket, IPPROTO_TCP, TCP_USER_TIMEOUT) == 5000);
      CHECK(option(*socket, SOL_SOCKET, SO_SNDBUF) == 2 << 16);  // the kernel doubles it for its own needs
      CHECK((::fcntl(socket->get(), F_GETFD) & FD_CLOEXEC) != 0);
      CHECK((::fcntl(socket->get(), F_GETFL) & O_NONBLOCK) != 0);
    }
    CHECK_FALSE(accept_from(listener, settings));
  }
}

TEST_CASE("a port that is held is an error that names it, soon; a port that becomes free is taken") {
  const int port = free_port();
  const auto address = *numeric_address("127.0.0.1", port);
  FileDescriptor holder = listen_on(address, {}, soon());
  const std::string text = error_text<CommunicationError>([&] { listen_on(address, {}, soon(50)); });
  CHECK(contains(text, concat("cannot listen at 127.0.0.1:", port, ": Address already in use")));
  CHECK(contains(text, "give this job another master_port"));
  const Thread ending([&] {
    sleep_for(std::chrono::milliseconds(200));
    holder.close();
  });
  CHECK(listen_on(address, {}, soon()));
}

TEST_CASE("nobody listens on all interfaces") {
  for (const char* host : {"0.0.0.0", "::"}) {
    CHECK(contains(error_text<ArgumentError>([&] { listen_on(*numeric_address(host, 0), {}, soon()); }),
                   "means every interface of this host"));
  }
}

TEST_CASE("an address of another machine is an error that says where rank 0 belongs") {
  const std::string text =
      error_text<CommunicationError>([] { listen_on(*numeric_address("192.0.2.1", 0), {}, soon()); });
  CHECK(contains(text, "cannot listen at 192.0.2.1:0"));
  CHECK(contains(text, "belongs to no interface of this host"));
}

TEST_CASE("a port where nobody listens refuses, even the one that a socket would get itself") {
  const auto address = *numeric_address("127.0.0.1", free_port());
  CHECK(connect_now(address) == ECONNREFUSED);
}

TEST_CASE("waits end at their deadline") {
  const auto [ours, theirs] = socket_pair();
  pollfd descriptor{ours.get(), POLLIN, 0};
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(wait_for_any({&descriptor, 1}, soon(50)));
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(50));
  CHECK(::send(theirs.get(), "x", 1, 0) == 1);
  CHECK(wait_for_any({&descriptor, 1}, soon(50)));
}
