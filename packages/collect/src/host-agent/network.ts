import { type HostReader, linesOf, numberIn, wordsOf } from "./host-reader.ts";
import type { MetricWriter } from "./metric-writer.ts";

const RECEIVE = ["bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast"];
const TRANSMIT = ["bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed"];

/** Traffic and state of each network device. */
export function collectNetworkDevices(reader: HostReader, writer: MetricWriter): void {
  for (const line of linesOf(reader, "/proc/net/dev")) {
    // Names may hold colons (aliases); the numbers never do.
    const colon = line.lastIndexOf(":");
    if (colon < 0) continue;
    const device = line.slice(0, colon).trim();
    const numbers = wordsOf(line.slice(colon + 1)).map(Number);
    const columns = [
      ...RECEIVE.map((name) => `receive_${name}`),
      ...TRANSMIT.map((name) => `transmit_${name}`),
    ];
    for (const [index, name] of columns.entries())
      writer.add(
        `node_network_${name}_total`,
        "counter",
        `Network device statistic ${name}.`,
        numbers[index],
        { device },
      );
    collectDeviceState(reader, writer, device);
  }
}

function collectDeviceState(reader: HostReader, writer: MetricWriter, device: string): void {
  const gauge = (name: string, help: string, value: number | undefined): void =>
    writer.add(`node_network_${name}`, "gauge", help, value, { device });
  const folder = `/sys/class/net/${device}`;
  const state = reader.readFile(`${folder}/operstate`)?.trim();
  if (state !== undefined)
    gauge("up", "Value is 1 if operstate is 'up', 0 otherwise.", state === "up" ? 1 : 0);
  gauge("carrier", "Network device property: carrier", numberIn(reader, `${folder}/carrier`));
  gauge("mtu_bytes", "Network device property: mtu_bytes", numberIn(reader, `${folder}/mtu`));
  const speedMbit = numberIn(reader, `${folder}/speed`);
  if (speedMbit !== undefined)
    gauge("speed_bytes", "Network device property: speed_bytes", (speedMbit * 1e6) / 8);
}

/** The statistics that are worth a series each; /proc/net has some four hundred. */
const PROTOCOL_FIELDS =
  /^(?:.*_(?:InErrors|InErrs)|Ip_Forwarding|Ip(?:6|Ext)_(?:InOctets|OutOctets)|Icmp6?_(?:InMsgs|OutMsgs)|TcpExt_(?:Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)|Tcp_(?:ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(?:InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$/;

/** Statistics of IP, ICMP, TCP and UDP. */
export function collectNetworkProtocols(reader: HostReader, writer: MetricWriter): void {
  const add = (protocol: string, field: string, value: number): void => {
    if (PROTOCOL_FIELDS.test(`${protocol}_${field}`))
      writer.add(
        `node_netstat_${protocol}_${field}`,
        "untyped",
        `Statistic ${protocol}${field}.`,
        value,
      );
  };
  for (const path of ["/proc/net/netstat", "/proc/net/snmp"]) {
    // Lines come in pairs: `Tcp: InSegs OutSegs`, then `Tcp: 34406 24779`.
    const lines = linesOf(reader, path);
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [head = "", ...fields] = wordsOf(lines[i] ?? "");
      const [, ...values] = wordsOf(lines[i + 1] ?? "");
      for (const [at, field] of fields.entries())
        add(head.replace(/:$/, ""), field, Number(values[at]));
    }
  }
  for (const line of linesOf(reader, "/proc/net/snmp6")) {
    const match = /^(\w+?6)(\w+)\s+(\d+)$/.exec(line);
    if (match !== null) add(match[1] ?? "", match[2] ?? "", Number(match[3]));
  }
}

/** The kernel counts memory of sockets in pages. */
const PAGE_SIZE = 4096;

/** Sockets in use, from /proc/net/sockstat and sockstat6. */
export function collectSockets(reader: HostReader, writer: MetricWriter): void {
  for (const path of ["/proc/net/sockstat", "/proc/net/sockstat6"])
    for (const line of linesOf(reader, path)) {
      const [head = "", ...pairs] = wordsOf(line);
      const protocol = head.replace(/:$/, "");
      for (let i = 0; i + 1 < pairs.length; i += 2)
        addSockets(writer, protocol, pairs[i] ?? "", Number(pairs[i + 1]));
    }
}

function addSockets(writer: MetricWriter, protocol: string, state: string, value: number): void {
  const gauge = (name: string, count: number): void => {
    const help =
      protocol === "sockets"
        ? "Number of IPv4 sockets in use."
        : `Number of ${protocol} sockets in state ${name}.`;
    writer.add(`node_sockstat_${protocol}_${name}`, "gauge", help, count);
  };
  gauge(state, value);
  if (state === "mem") gauge("mem_bytes", value * PAGE_SIZE);
}
