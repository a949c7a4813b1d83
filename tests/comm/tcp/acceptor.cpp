#include "tcp_test.hpp"
#include <lockstep/comm/tcp/acceptor.hpp>
#include <lockstep/comm/tcp/connector.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace lockstep;
using namespace lockstep::detail;
using namespace lockstep::testing;

namespace {

void configure(ConnectionSettings& settings, int rank, int secret_number = 1, bool encrypt = false) {
  settings.self.rank = rank;
  settings.self.size = 2;
  settings.self.encrypt = encrypt;
  settings.self.process = 100 + rank;
  settings.self.host = "here";
  settings.key = JobKey::from("job", secret(secret_number));
  if (encrypt) settings.tls = TlsContext::make();
}

/// A listening rank 0 that lets in whom `judgement` says.
struct House {
  explicit House(bool encrypt = false) { configure(settings, 0, 1, encrypt); }

  Judgement judge(const RankIdentity& guest, PeerChannel, std::uint32_t) {
    judged.push_back(guest.rank);
    return judgement;
  }
  void arrive(Arrival arrival) { arrivals.push_back(std::move(arrival)); }
  void lost(const RankIdentity& guest) { gone.push_back(guest.rank); }

  SocketAddress address() const { return local_address(acceptor.listener().get()); }

  /// One round of waiting, with a caller or without.
  void turn(Connector* connector = nullptr, int milliseconds = 10) {
    std::vector<pollfd> list;
    acceptor.watch(list);
    if (connector != nullptr) connector->watch(list);
    wait_for_any(list, Deadline::after(std::chrono::milliseconds(milliseconds)));
    acceptor.serve(list, *this);
    if (connector != nullptr) connector->serve(list);
  }

  ConnectionSettings settings;
  Acceptor acceptor{listen_on(*numeric_address("127.0.0.1", 0), {}, Deadline::after({})), settings};
  Judgement judgement;
  std::vector<int> judged, gone;
  std::vector<Arrival> arrivals;
};

}  // namespace

TEST_CASE("a rank of the job arrives, plain or encrypted, with the same keys on both sides") {
  for (const bool encrypt : {false, true}) {
    CAPTURE(encrypt);
    House house(encrypt);
    ConnectionSettings settings;
    configure(settings, 1, 1, encrypt);
    Connector connector(settings, {house.address()}, 0, {ChannelKind::data, 2});
    const Deadline deadline = Deadline::after(std::chrono::seconds(20));
    while ((house.arrivals.empty() || !connector.done()) && !deadline.passed()) house.turn(&connector);
    REQUIRE(house.arrivals.size() == 1);
    REQUIRE(connector.done());
    Arrival theirs = std::move(house.arrivals.front()), ours = connector.take();
    CHECK(theirs.peer.rank == 1);
    CHECK(theirs.peer.process == 101);
    CHECK(theirs.channel.kind == ChannelKind::data);
    CHECK(theirs.channel.index == 2);
    CHECK(ours.peer.rank == 0);
    CHECK(ours.peer.process == 100);
    CHECK(ours.keys.send == theirs.keys.receive);
    CHECK(ours.stream.encrypted() == encrypt);
    CHECK(house.acceptor.turned_away() == 0);
  }
}

TEST_CASE("a rank that contradicts hears why, and the meeting ends if that matters to all") {
  for (const bool fatal : {false, true}) {
    House house;
    house.judgement = {"you are the second", fatal};
    ConnectionSettings settings;
    configure(settings, 1);
    Connector connector(settings, {house.address()}, 0, {});
    std::string heard, said;
    const Deadline deadline = Deadline::after(std::chrono::seconds(20));
    while ((heard.empty() || (fatal && said.empty())) && !deadline.passed()) {
      std::vector<pollfd> list;
      house.acceptor.watch(list);
      connector.watch(list);
      wait_for_any(list, Deadline::after(std::chrono::milliseconds(10)));
      try {
        house.acceptor.serve(list, house);
      } catch (const CommunicationError& error) {
        said = error.what();
      }
      try {
        if (heard.empty()) connector.serve(list);
      } catch (const CommunicationError& error) {
        heard = error.what();
      }
    }
    CHECK(heard == "you are the second");
    CHECK(said == (fatal ? "you are the second" : ""));
    CHECK(house.arrivals.empty());
  }
}

TEST_CASE("strangers are turned away without a word") {
  House house;
  const FileDescriptor stranger = connect_as_stranger(house.address().port());
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a browser that got lost\r\n" +
                              std::string(200, 'x') + "\r\n\r\n";
  REQUIRE(::send(stranger.get(), request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  while (house.acceptor.turned_away() == 0 && !deadline.passed()) house.turn();
  bool ended = false;
  CHECK(read_until_end(stranger, std::chrono::seconds(10), &ended).empty());
  CHECK(ended);
  CHECK(house.judged.empty());
}

TEST_CASE("a full house keeps its guests for a moment, then the oldest makes room") {
  House house;
  std::vector<FileDescriptor> silent;
  for (std::size_t i = 0; i < Acceptor::max_unproved + 10; ++i) {
    silent.push_back(connect_as_stranger(house.address().port()));
    REQUIRE(silent.back());
  }
  const auto start = std::chrono::steady_clock::now();
  house.turn();
  house.turn();
  if (std::chrono::steady_clock::now() - start < Acceptor::courtesy) CHECK(house.acceptor.turned_away() == 0);
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  while (house.acceptor.turned_away() < 10 && !deadline.passed()) house.turn();
  CHECK(house.acceptor.turned_away() == 10);
  bool ended = false;
  read_until_end(silent.front(), std::chrono::seconds(10), &ended);
  CHECK(ended);
  read_until_end(silent.back(), std::chrono::seconds(0), &ended);
  CHECK_FALSE(ended);
}

TEST_CASE("who does not speak, or too slowly, is turned away in time") {
  House house;
  const FileDescriptor silent = connect_as_stranger(house.address().port());
  const FileDescriptor slow = connect_as_stranger(house.address().port());
  const auto start = std::chrono::steady_clock::now();
  const Deadline deadline = Deadline::after(std::chrono::seconds(30));
  while (house.acceptor.turned_away() < 2 && !deadline.passed()) {
    ::send(slow.get(), "L", 1, MSG_NOSIGNAL);  // a letter of the magic word every now and then
    house.turn(nullptr, 100);
  }
  const auto time = std::chrono::steady_clock::now() - start;
  CHECK(house.acceptor.turned_away() == 2);
  CHECK(time >= std::chrono::milliseconds(900));
  CHECK(time < Acceptor::patience + std::chrono::seconds(5));
}
