// The four messages by which two ranks make sure of each other, and nothing else: pure functions between bytes and
// structures. The layout is the same in every version of the library, so that versions that differ can still say so.
#pragma once

#include <lockstep/comm/tcp/wire.hpp>
#include <lockstep/core/on_demand.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace lockstep::detail {

/// Raised whenever anything that follows the handshake changes.
inline constexpr std::uint32_t tcp_protocol_version = 1;

/// What a connection is for.
enum class ChannelKind : std::uint8_t {
  control,   ///< Heartbeats, failures, the meeting itself.
  messages,  ///< send and receive between two ranks.
  data,      ///< Collectives.
};

constexpr const char* to_string(ChannelKind kind) {
  switch (kind) {
    case ChannelKind::control:
      return "control";
    case ChannelKind::messages:
      return "messages";
    case ChannelKind::data:
      return "data";
  }
  return "unknown";
}

struct PeerChannel {
  ChannelKind kind = ChannelKind::control;
  std::uint16_t index = 0;  ///< Among the connections of its kind between the same two ranks.
};

using Nonce = std::array<std::byte, 32>;
using Proof = std::array<std::byte, 32>;

inline constexpr std::uint32_t flag_encrypt = 1;  // the bits above the lowest eight count the data connections
inline constexpr std::uint32_t max_wire_ranks = 1U << 24;
inline constexpr std::size_t host_field = 64;

/// From the side that connected: who it is, whom it looks for.
struct ClientHello {
  std::uint32_t version = tcp_protocol_version;
  std::uint32_t flags = 0;
  std::array<std::byte, 32> job{};  ///< SHA-256 of the job id.
  std::uint64_t epoch = 0;
  std::uint32_t rank = 0;
  std::uint32_t size = 0;
  std::uint32_t target = 0;
  PeerChannel channel;
  Nonce nonce{};
  static constexpr std::size_t bytes = 104;
};

/// The answer, with the proof that the other side knows the secret.
struct ServerHello {
  std::uint32_t version = tcp_protocol_version;
  std::uint32_t flags = 0;
  std::uint64_t epoch = 0;
  std::uint32_t rank = 0;
  std::uint32_t size = 0;
  Nonce nonce{};
  Proof proof{};
  static constexpr std::size_t bytes = 96;
};

/// The proof of the side that connected.
struct ClientProof {
  std::uint32_t process = 0;
  std::string host;
  Proof proof{};
  static constexpr std::size_t bytes = 100;
};

/// Whether the job's rank is let in, or why not; proved as well, so that nobody can turn a rank away in another's name.
struct Verdict {
  bool accepted = false;
  std::uint32_t process = 0;
  std::string host;
  std::string refusal;
  Proof proof{};
  static constexpr std::size_t bytes = 1024;
  static constexpr std::size_t refusal_field = bytes - 8 - host_field - 32;
};

inline constexpr std::uint64_t client_magic = 0x314c435043544b4cU;  // "LKTCPCL1"
inline constexpr std::uint64_t server_magic = 0x3156535043544b4cU;  // "LKTCPSV1"

LOCKSTEP_ON_DEMAND std::array<std::byte, ClientHello::bytes> encode(const ClientHello& hello) {
  std::array<std::byte, ClientHello::bytes> bytes;
  WireWriter to(bytes);
  to.number(client_magic);
  to.number(hello.version);
  to.number(hello.flags);
  to.bytes(hello.job);
  to.number(hello.epoch);
  to.number(hello.rank);
  to.number(hello.size);
  to.number(hello.target);
  to.number(static_cast<std::uint16_t>(hello.channel.kind));
  to.number(hello.channel.index);
  to.bytes(hello.nonce);
  return bytes;
}

LOCKSTEP_ON_DEMAND Parsed<ClientHello> parse_client_hello(std::span<const std::byte> bytes) {
  if (bytes.size() != ClientHello::bytes) return {{}, "the hello has another length"};
  WireReader from(bytes);
  if (from.number<std::uint64_t>() != client_magic) return {{}, "this is no hello of a rank"};
  Parsed<ClientHello> result;
  ClientHello& hello = result.value;
  hello.version = from.number<std::uint32_t>();
  hello.flags = from.number<std::uint32_t>();
  from.bytes(hello.job);
  hello.epoch = from.number<std::uint64_t>();
  hello.rank = from.number<std::uint32_t>();
  hello.size = from.number<std::uint32_t>();
  hello.target = from.number<std::uint32_t>();
  const auto kind = from.number<std::uint16_t>();
  hello.channel.kind = static_cast<ChannelKind>(kind);
  hello.channel.index = from.number<std::uint16_t>();
  from.bytes(hello.nonce);
  if (!from.good()) return {{}, "the hello is cut off"};
  // Limits that hold in every version; whether the numbers fit this job is judged once the rank has proved itself.
  if (hello.size == 0 || hello.size > max_wire_ranks) return {{}, "the hello names an impossible number of ranks"};
  if (hello.rank >= max_wire_ranks || hello.target >= max_wire_ranks) return {{}, "the hello names an impossible rank"};
  if (kind > 255) return {{}, "the hello names an impossible channel"};
  return result;
}

LOCKSTEP_ON_DEMAND std::array<std::byte, ServerHello::bytes> encode(const ServerHello& hello) {
  std::array<std::byte, ServerHello::bytes> bytes;
  WireWriter to(bytes);
  to.number(server_magic);
  to.number(hello.version);
  to.number(hello.flags);
  to.number(hello.epoch);
  to.number(hello.rank);
  to.number(hello.size);
  to.bytes(hello.nonce);
  to.bytes(hello.proof);
  return bytes;
}

LOCKSTEP_ON_DEMAND Parsed<ServerHello> parse_server_hello(std::span<const std::byte> bytes) {
  if (bytes.size() != ServerHello::bytes) return {{}, "the answer has another length"};
  WireReader from(bytes);
  if (from.number<std::uint64_t>() != server_magic) return {{}, "this is no answer of a rank"};
  Parsed<ServerHello> result;
  ServerHello& hello = result.value;
  hello.version = from.number<std::uint32_t>();
  hello.flags = from.number<std::uint32_t>();
  hello.epoch = from.number<std::uint64_t>();
  hello.rank = from.number<std::uint32_t>();
  hello.size = from.number<std::uint32_t>();
  from.bytes(hello.nonce);
  from.bytes(hello.proof);
  if (!from.good()) return {{}, "the answer is cut off"};
  if (hello.size == 0 || hello.size > max_wire_ranks) return {{}, "the answer names an impossible number of ranks"};
  if (hello.rank >= max_wire_ranks) return {{}, "the answer names an impossible rank"};
  return result;
}

LOCKSTEP_ON_DEMAND std::array<std::byte, ClientProof::bytes> encode(const ClientProof& proof) {
  std::array<std::byte, ClientProof::bytes> bytes;
  WireWriter to(bytes);
  to.number(proof.process);
  to.text(proof.host, host_field);
  to.bytes(proof.proof);
  return bytes;
}

LOCKSTEP_ON_DEMAND Parsed<ClientProof> parse_client_proof(std::span<const std::byte> bytes) {
  if (bytes.size() != ClientProof::bytes) return {{}, "the proof has another length"};
  WireReader from(bytes);
  Parsed<ClientProof> result;
  result.value.process = from.number<std::uint32_t>();
  result.value.host = from.text(host_field);
  from.bytes(result.value.proof);
  if (!from.good()) return {{}, "the proof's host name is malformed"};
  if (result.value.process > 0x7fffffffU) return {{}, "the proof names an impossible process"};
  return result;
}

LOCKSTEP_ON_DEMAND std::array<std::byte, Verdict::bytes> encode(const Verdict& verdict) {
  std::array<std::byte, Verdict::bytes> bytes;
  WireWriter to(bytes);
  to.number(std::uint32_t{verdict.accepted});
  to.number(verdict.process);
  to.text(verdict.host, host_field);
  to.text(verdict.refusal, Verdict::refusal_field);
  to.bytes(verdict.proof);
  return bytes;
}

LOCKSTEP_ON_DEMAND Parsed<Verdict> parse_verdict(std::span<const std::byte> bytes) {
  if (bytes.size() != Verdict::bytes) return {{}, "the verdict has another length"};
  WireReader from(bytes);
  Parsed<Verdict> result;
  const auto accepted = from.number<std::uint32_t>();
  result.value.accepted = accepted == 1;
  result.value.process = from.number<std::uint32_t>();
  result.value.host = from.text(host_field);
  result.value.refusal = from.text(Verdict::refusal_field);
  from.bytes(result.value.proof);
  if (!from.good()) return {{}, "a text of the verdict is malformed"};
  if (accepted > 1 || result.value.process > 0x7fffffffU) return {{}, "the verdict is malformed"};
  return result;
}

}  // namespace lockstep::detail
