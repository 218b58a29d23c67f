// dtls_record: one byte for our role, then any bytes as a datagram. The screening keeps whole records in
// their order, the same that it keeps when each is alone. A second screening keeps them all. Each record that
// it removes is counted. A simpler reader finds the same last record.
#include "controlplane/protocol/dtls/dtls_record.h"

#include "tests/fuzz/fuzz.h"

namespace {

using namespace sluice;
using namespace sluice::control;
using fuzz::Bytes;
using Span = std::span<const std::uint8_t>;

// The whole records from the front of the datagram. Ignores bytes behind them.
std::vector<Span> records_of(Span datagram) {
  std::vector<Span> records;
  while (datagram.size() >= 13) {
    const std::size_t length = 13U + datagram[11] * 256U + datagram[12];
    if (length > datagram.size()) break;
    records.push_back(datagram.first(length));
    datagram = datagram.subspan(length);
  }
  return records;
}

std::uint64_t number(Span bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

// False for a record with an unknown type or another version than DTLS's. Such a record ends the datagram.
bool is_known(Span record) {
  return record[0] >= 20 && record[0] <= 23 && record[1] == 0xfe;
}

void check_screening(Span datagram, DtlsRole role) {
  const DtlsScreened screened = screen_datagram(datagram, role);
  DtlsScreened expected;
  std::size_t walked = 0;
  for (const Span record : records_of(datagram)) {
    if (!is_known(record)) break;
    walked += record.size();
    const DtlsScreened alone = screen_datagram(record, role);
    // A plain-text alert never passes. It is refused, or set in `alert` when it ends a handshake, or neither.
    const bool later_epoch = number(record.subspan(3, 2)) != 0;
    const bool is_alert = record[0] == 21 && !later_epoch;
    FUZZ_CHECK(alone.records.empty() == (alone.refused == 1 || is_alert));
    FUZZ_CHECK(alone.records.empty() ||
               std::equal(record.begin(), record.end(), alone.records.begin(), alone.records.end()));
    FUZZ_CHECK(!alone.alert || (is_alert && alone.refused == 0 && alone.alert == record[14]));
    // The screening does not judge records of later epochs; OpenSSL does.
    if (later_epoch) FUZZ_CHECK(alone.refused == 0 && !alone.handshake);
    expected.records.insert(expected.records.end(), alone.records.begin(), alone.records.end());
    expected.refused += alone.refused;
    expected.handshake = expected.handshake || alone.handshake;
    expected.certificate = expected.certificate || alone.certificate;
    if (alone.alert) expected.alert = alone.alert;
  }
  if (walked != datagram.size()) ++expected.refused;
  FUZZ_CHECK(screened.records == expected.records && screened.refused == expected.refused);
  FUZZ_CHECK(screened.handshake == expected.handshake && screened.certificate == expected.certificate);
  FUZZ_CHECK(screened.alert == expected.alert);
  FUZZ_CHECK(!screened.certificate || screened.handshake);

  const DtlsScreened again = screen_datagram(screened.records, role);
  FUZZ_CHECK(again.records == screened.records && again.refused == 0 && !again.alert);
  FUZZ_CHECK(again.handshake == screened.handshake && again.certificate == screened.certificate);
}

void check_last(Span datagram) {
  const auto last = last_record(datagram);
  const auto records = records_of(datagram);
  FUZZ_CHECK(last.has_value() == !records.empty());
  if (!last) return;
  const Span record = records.back();
  FUZZ_CHECK(last->epoch == number(record.subspan(3, 2)));
  FUZZ_CHECK(last->sequence == number(record.subspan(5, 6)));
  const bool has_nonce = last->epoch != 0 && record.size() >= 21;
  FUZZ_CHECK(last->explicit_nonce == (has_nonce ? number(record.subspan(13, 8)) : 0));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const DtlsRole role = input.u8() % 2 == 0 ? DtlsRole::kPassive : DtlsRole::kActive;
  const Bytes datagram = input.take(size);
  check_screening(datagram, role);
  check_last(datagram);
  return 0;
}
