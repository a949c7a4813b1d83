#include <lockstep/comm/tcp/handshake_messages.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

using namespace lockstep::detail;

namespace {

ClientHello client_hello() {
  ClientHello hello;
  hello.version = 9;
  hello.flags = 0x201;
  hello.job.fill(std::byte{0x11});
  hello.epoch = 0x123456789a;
  hello.rank = 3;
  hello.size = 8;
  hello.target = 2;
  hello.channel = {ChannelKind::data, 5};
  hello.nonce.fill(std::byte{0x22});
  return hello;
}

}  // namespace

TEST_CASE("a client's hello comes back as it was sent") {
  const ClientHello sent = client_hello();
  const auto parsed = parse_client_hello(encode(sent));
  REQUIRE(parsed);
  CHECK(parsed.value.version == 9);
  CHECK(parsed.value.flags == 0x201);
  CHECK(parsed.value.job == sent.job);
  CHECK(parsed.value.epoch == sent.epoch);
  CHECK(parsed.value.rank == 3);
  CHECK(parsed.value.size == 8);
  CHECK(parsed.value.target == 2);
  CHECK(parsed.value.channel.kind == ChannelKind::data);
  CHECK(parsed.value.channel.index == 5);
  CHECK(parsed.value.nonce == sent.nonce);
}

TEST_CASE("the layout of the first message is the one that every version has") {
  const auto bytes = encode(client_hello());
  CHECK(bytes.size() == 104);
  CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), 8) == "LKTCPCL1");
  CHECK(bytes[8] == std::byte{9});      // version
  CHECK(bytes[16] == std::byte{0x11});  // job
  CHECK(bytes[48] == std::byte{0x9a});  // epoch
  CHECK(bytes[56] == std::byte{3});     // rank
  CHECK(bytes[60] == std::byte{8});     // size
  CHECK(bytes[64] == std::byte{2});     // target
  CHECK(bytes[72] == std::byte{0x22});  // nonce
}

TEST_CASE("a server's hello comes back as it was sent") {
  ServerHello sent;
  sent.flags = 1;
  sent.epoch = 4;
  sent.rank = 1;
  sent.size = 2;
  sent.nonce.fill(std::byte{3});
  sent.proof.fill(std::byte{4});
  const auto parsed = parse_server_hello(encode(sent));
  REQUIRE(parsed);
  CHECK(parsed.value.version == tcp_protocol_version);
  CHECK(parsed.value.flags == 1);
  CHECK(parsed.value.epoch == 4);
  CHECK(parsed.value.rank == 1);
  CHECK(parsed.value.size == 2);
  CHECK(parsed.value.nonce == sent.nonce);
  CHECK(parsed.value.proof == sent.proof);
}

TEST_CASE("proofs and verdicts come back as they were sent") {
  ClientProof proof;
  proof.process = 77;
  proof.host = "node-7";
  proof.proof.fill(std::byte{5});
  const auto parsed_proof = parse_client_proof(encode(proof));
  REQUIRE(parsed_proof);
  CHECK(parsed_proof.value.process == 77);
  CHECK(parsed_proof.value.host == "node-7");
  CHECK(parsed_proof.value.proof == proof.proof);

  Verdict verdict;
  verdict.process = 78;
  verdict.host = "node-8";
  verdict.refusal = std::string(2000, 'x');
  const auto parsed = parse_verdict(encode(verdict));
  REQUIRE(parsed);
  CHECK_FALSE(parsed.value.accepted);
  CHECK(parsed.value.process == 78);
  CHECK(parsed.value.host == "node-8");
  CHECK(parsed.value.refusal == std::string(Verdict::refusal_field - 1, 'x'));
}

TEST_CASE("messages of another length or beginning, and impossible numbers, are refused") {
  const auto good = encode(client_hello());
  CHECK_FALSE(parse_client_hello(std::span(good).first(103)));
  CHECK_FALSE(parse_client_hello({}));
  auto bad = good;
  bad[0] ^= std::byte{1};
  CHECK(std::string(parse_client_hello(bad).error) == "this is no hello of a rank");

  ClientHello hello = client_hello();
  hello.size = 0;
  CHECK_FALSE(parse_client_hello(encode(hello)));
  hello = client_hello();
  hello.rank = 0xffffffff;
  CHECK_FALSE(parse_client_hello(encode(hello)));
  hello = client_hello();
  hello.target = 0x80000000;
  CHECK_FALSE(parse_client_hello(encode(hello)));

  ServerHello answer;
  answer.size = 0;
  CHECK_FALSE(parse_server_hello(encode(answer)));
  answer.size = 1;
  answer.rank = 1U << 31;
  CHECK_FALSE(parse_server_hello(encode(answer)));

  ClientProof proof;
  proof.process = 0x80000000;
  CHECK_FALSE(parse_client_proof(encode(proof)));
  auto torn = encode(Verdict{});
  torn[0] = std::byte{2};
  CHECK_FALSE(parse_verdict(torn));
  torn = encode(Verdict{});
  torn[8] = std::byte{'\n'};
  CHECK_FALSE(parse_verdict(torn));
}

TEST_CASE("channels have names") {
  CHECK(std::string(to_string(ChannelKind::control)) == "control");
  CHECK(std::string(to_string(ChannelKind::messages)) == "messages");
  CHECK(std::string(to_string(ChannelKind::data)) == "data");
  CHECK(std::string(to_string(static_cast<ChannelKind>(9))) == "unknown");
}
