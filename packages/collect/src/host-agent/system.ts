import { type HostReader, numberIn, wordsOf } from "./host-reader.ts";
import type { MetricWriter } from "./metric-writer.ts";

/** The clock, the kernel's name and version, and its tables of files and connections. */
export function collectSystem(reader: HostReader, writer: MetricWriter): void {
  writer.add(
    "node_time_seconds",
    "gauge",
    "System time in seconds since epoch (1970).",
    reader.nowMs / 1000,
  );
  collectUname(reader, writer);
  collectFileHandles(reader, writer);
  const gauge = (name: string, help: string, path: string): void =>
    writer.add(name, "gauge", help, numberIn(reader, path));
  gauge(
    "node_entropy_available_bits",
    "Bits of available entropy.",
    "/proc/sys/kernel/random/entropy_avail",
  );
  gauge("node_entropy_pool_size_bits", "Bits of entropy pool.", "/proc/sys/kernel/random/poolsize");
  gauge(
    "node_nf_conntrack_entries",
    "Number of currently allocated flow entries for connection tracking.",
    "/proc/sys/net/netfilter/nf_conntrack_count",
  );
  gauge(
    "node_nf_conntrack_entries_limit",
    "Maximum size of connection tracking table.",
    "/proc/sys/net/netfilter/nf_conntrack_max",
  );
}

function collectUname(reader: HostReader, writer: MetricWriter): void {
  const kernel = (name: string): string =>
    reader.readFile(`/proc/sys/kernel/${name}`)?.trim() ?? "";
  if (kernel("ostype") === "") return;
  writer.add(
    "node_uname_info",
    "gauge",
    "Labeled system information as provided by the uname system call.",
    1,
    {
      domainname: kernel("domainname"),
      machine: reader.machine,
      nodename: kernel("hostname"),
      release: kernel("osrelease"),
      sysname: kernel("ostype"),
      version: kernel("version"),
    },
  );
}

function collectFileHandles(reader: HostReader, writer: MetricWriter): void {
  const line = reader.readFile("/proc/sys/fs/file-nr");
  if (line === undefined) return;
  const [allocated, , maximum] = wordsOf(line).map(Number);
  writer.add("node_filefd_allocated", "gauge", "File descriptor statistics: allocated.", allocated);
  writer.add("node_filefd_maximum", "gauge", "File descriptor statistics: maximum.", maximum);
}
