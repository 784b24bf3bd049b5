import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { machine } from "node:os";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { renderHostMetrics } from "../src/host-agent/host-metrics.ts";
import type { FileSystemSpace, HostReader } from "../src/host-agent/host-reader.ts";

const SPACE: FileSystemSpace = {
  blockSize: 4096,
  blocks: 1000,
  blocksFree: 500,
  blocksAvailable: 400,
  files: 100,
  filesFree: 90,
};

function render(
  files: Readonly<Record<string, string>>,
  spaces: Readonly<Record<string, FileSystemSpace>> = {},
): string {
  return renderHostMetrics({
    readFile: (path) => files[path],
    fileSystemSpace: (mountPoint) => spaces[mountPoint],
    machine: "x86_64",
    nowMs: 1_700_000_000_500,
  });
}

/** The samples without the one that is always there. */
function samples(text: string): readonly string[] {
  return text
    .split("\n")
    .filter(
      (line) => line !== "" && !line.startsWith("#") && !line.startsWith("node_time_seconds"),
    );
}

test("a host without any file still tells the time", () => {
  equal(
    render({}),
    "# HELP node_time_seconds System time in seconds since epoch (1970).\n# TYPE node_time_seconds gauge\nnode_time_seconds 1700000000.5\n",
  );
});

test("processor time is told by core and mode, in seconds", () => {
  const stat =
    "cpu  300 0 0 0 0 0 0 0 0 0\ncpu0 4335 1 2216 185490 75 2 39 5 7 8\ncpu1 100 0 0 0\nintr 739986 0 1\nctxt 1544052\nbtime 1795258166\nprocesses 12457\nprocs_running 1\nprocs_blocked 2\nsoftirq 5 1\n";
  deepEqual(samples(render({ "/proc/stat": stat })), [
    "node_boot_time_seconds 1795258166",
    "node_context_switches_total 1544052",
    'node_cpu_guest_seconds_total{cpu="0",mode="user"} 0.07',
    'node_cpu_guest_seconds_total{cpu="0",mode="nice"} 0.08',
    'node_cpu_seconds_total{cpu="0",mode="user"} 43.35',
    'node_cpu_seconds_total{cpu="0",mode="nice"} 0.01',
    'node_cpu_seconds_total{cpu="0",mode="system"} 22.16',
    'node_cpu_seconds_total{cpu="0",mode="idle"} 1854.9',
    'node_cpu_seconds_total{cpu="0",mode="iowait"} 0.75',
    'node_cpu_seconds_total{cpu="0",mode="irq"} 0.02',
    'node_cpu_seconds_total{cpu="0",mode="softirq"} 0.39',
    'node_cpu_seconds_total{cpu="0",mode="steal"} 0.05',
    'node_cpu_seconds_total{cpu="1",mode="user"} 1',
    'node_cpu_seconds_total{cpu="1",mode="nice"} 0',
    'node_cpu_seconds_total{cpu="1",mode="system"} 0',
    'node_cpu_seconds_total{cpu="1",mode="idle"} 0',
    "node_forks_total 12457",
    "node_intr_total 739986",
    "node_procs_blocked 2",
    "node_procs_running 1",
  ]);
});

test("memory is told in bytes under the kernel's names", () => {
  const meminfo =
    "MemTotal:       24684096 kB\nActive(anon):       1580 kB\nHugePages_Total:       3\nHugepagesize:       2048 kB\nnonsense\n";
  deepEqual(samples(render({ "/proc/meminfo": meminfo })), [
    "node_memory_Active_anon_bytes 1617920",
    "node_memory_HugePages_Total 3",
    "node_memory_Hugepagesize_bytes 2097152",
    "node_memory_MemTotal_bytes 25276514304",
  ]);
});

test("disks are told without their partitions, in bytes and seconds", () => {
  const diskstats =
    "   7       0 loop0 1 0 0 0 0 0 0 0 0 0 0\n 254       0 vda 110313 12489 5649650 68247 31860 36590 5152440 13195 3 10304 82362\n 254       1 vda1 1 1 1 1 1 1 1 1 1 1 1\n 259       0 nvme0n1 5 0 0 0 0 0 0 0 0 0 0 12329 47 927784 774 4087 145\n 259       1 nvme0n1p1 5 0 0 0 0 0 0 0 0 0 0\n";
  const lines = samples(render({ "/proc/diskstats": diskstats }));
  deepEqual(
    lines.filter((line) => line.includes('"vda"')),
    [
      'node_disk_io_now{device="vda"} 3',
      'node_disk_io_time_seconds_total{device="vda"} 10.304',
      'node_disk_io_time_weighted_seconds_total{device="vda"} 82.362',
      'node_disk_read_bytes_total{device="vda"} 2892620800',
      'node_disk_read_time_seconds_total{device="vda"} 68.247',
      'node_disk_reads_completed_total{device="vda"} 110313',
      'node_disk_reads_merged_total{device="vda"} 12489',
      'node_disk_write_time_seconds_total{device="vda"} 13.195',
      'node_disk_writes_completed_total{device="vda"} 31860',
      'node_disk_writes_merged_total{device="vda"} 36590',
      'node_disk_written_bytes_total{device="vda"} 2638049280',
    ],
  );
  ok(lines.includes('node_disk_flush_requests_time_seconds_total{device="nvme0n1"} 0.145'));
  ok(lines.every((line) => /"(?:vda|nvme0n1)"/.test(line)));
});

test("only real file systems are told, each once, and one that cannot be asked says so", () => {
  const mounts =
    "proc /proc proc rw 0 0\n/dev/vda / ext4 rw,relatime 0 0\n/dev/vda / ext4 rw,relatime 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/vdb /my\\040disk xfs ro,noatime 0 0\n/dev/vdc /gone ext4 rw 0 0\n/dev/vda /var/lib/docker/x ext4 rw 0 0\noverlay /o overlay rw 0 0\n";
  const lines = samples(
    render({ "/proc/1/mounts": mounts }, { "/": SPACE, "/my disk": { ...SPACE, blocks: 7 } }),
  );
  deepEqual(
    lines.filter((line) => line.includes('mountpoint="/"')),
    [
      'node_filesystem_avail_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 1638400',
      'node_filesystem_device_error{device="/dev/vda",fstype="ext4",mountpoint="/"} 0',
      'node_filesystem_files{device="/dev/vda",fstype="ext4",mountpoint="/"} 100',
      'node_filesystem_files_free{device="/dev/vda",fstype="ext4",mountpoint="/"} 90',
      'node_filesystem_free_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 2048000',
      'node_filesystem_readonly{device="/dev/vda",fstype="ext4",mountpoint="/"} 0',
      'node_filesystem_size_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} 4096000',
    ],
  );
  const ofDisk = '{device="/dev/vdb",fstype="xfs",mountpoint="/my disk"}';
  ok(lines.includes(`node_filesystem_readonly${ofDisk} 1`));
  ok(lines.includes(`node_filesystem_size_bytes${ofDisk} 28672`));
  deepEqual(
    lines.filter((line) => line.includes("/gone")),
    [
      'node_filesystem_device_error{device="/dev/vdc",fstype="ext4",mountpoint="/gone"} 1',
      'node_filesystem_readonly{device="/dev/vdc",fstype="ext4",mountpoint="/gone"} 0',
    ],
  );
  equal(lines.length, 7 + 7 + 2);
});

test("file systems of other machines are never asked, since one that is gone blocks who asks", () => {
  const remote = ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse", "ceph", "glusterfs"];
  const mounts = ["ext4", "fuseblk", ...remote].map((type) => `dev /mnt/${type} ${type} rw 0 0`);
  const asked: string[] = [];
  renderHostMetrics({
    readFile: (path) => (path === "/proc/mounts" ? mounts.join("\n") : undefined),
    fileSystemSpace: (mountPoint) => {
      asked.push(mountPoint);
      return SPACE;
    },
    machine: "x86_64",
    nowMs: 0,
  });
  deepEqual(asked, ["/mnt/ext4", "/mnt/fuseblk"]);
});

test("network devices are told with their traffic and state", () => {
  const dev =
    "Inter-|   Receive    |  Transmit\n face |bytes    packets errs |bytes\n  eth0: 844749771   21439    1    2    3     4          5         6  1209063   11818    7    8    9    10      11         12\n";
  const lines = samples(
    render({
      "/proc/net/dev": dev,
      "/sys/class/net/eth0/operstate": "up\n",
      "/sys/class/net/eth0/mtu": "1500\n",
      "/sys/class/net/eth0/speed": "1000\n",
    }),
  );
  deepEqual(lines, [
    'node_network_mtu_bytes{device="eth0"} 1500',
    'node_network_receive_bytes_total{device="eth0"} 844749771',
    'node_network_receive_compressed_total{device="eth0"} 5',
    'node_network_receive_drop_total{device="eth0"} 2',
    'node_network_receive_errs_total{device="eth0"} 1',
    'node_network_receive_fifo_total{device="eth0"} 3',
    'node_network_receive_frame_total{device="eth0"} 4',
    'node_network_receive_multicast_total{device="eth0"} 6',
    'node_network_receive_packets_total{device="eth0"} 21439',
    'node_network_speed_bytes{device="eth0"} 125000000',
    'node_network_transmit_bytes_total{device="eth0"} 1209063',
    'node_network_transmit_carrier_total{device="eth0"} 11',
    'node_network_transmit_colls_total{device="eth0"} 10',
    'node_network_transmit_compressed_total{device="eth0"} 12',
    'node_network_transmit_drop_total{device="eth0"} 8',
    'node_network_transmit_errs_total{device="eth0"} 7',
    'node_network_transmit_fifo_total{device="eth0"} 9',
    'node_network_transmit_packets_total{device="eth0"} 11818',
    'node_network_up{device="eth0"} 1',
  ]);
});

test("protocols, sockets, pressure, paging, load and the kernel are told", () => {
  const files = {
    "/proc/net/snmp":
      "Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: RtoMin CurrEstab InSegs\nTcp: 200 8 34406\n",
    "/proc/net/netstat": "TcpExt: SyncookiesSent ListenDrops Other\nTcpExt: 1 2 3\n",
    "/proc/net/snmp6": "Ip6InOctets  128\nUdp6InDatagrams 4\nIp6Other 9\n",
    "/proc/net/sockstat": "sockets: used 27\nTCP: inuse 12 mem 30\n",
    "/proc/pressure/io":
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=5327484\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=4814503\n",
    "/proc/vmstat": "nr_free_pages 5\npgfault 10\npgmajfault 2\npswpin 0\noom_kill 1\n",
    "/proc/loadavg": "0.54 0.16 0.08 2/118 12460\n",
    "/proc/sys/fs/file-nr": "645\t0\t2466183\n",
    "/proc/sys/kernel/ostype": "Linux\n",
    "/proc/sys/kernel/hostname": 'na"me\n',
    "/proc/sys/kernel/osrelease": "6.1\n",
    "/proc/sys/kernel/version": "#1 SMP\n",
    "/proc/sys/kernel/domainname": "(none)\n",
    "/proc/sys/kernel/random/entropy_avail": "256\n",
  };
  deepEqual(samples(render(files)), [
    "node_entropy_available_bits 256",
    "node_filefd_allocated 645",
    "node_filefd_maximum 2466183",
    "node_load1 0.54",
    "node_load15 0.08",
    "node_load5 0.16",
    "node_netstat_Ip6_InOctets 128",
    "node_netstat_Ip_Forwarding 2",
    "node_netstat_TcpExt_ListenDrops 2",
    "node_netstat_TcpExt_SyncookiesSent 1",
    "node_netstat_Tcp_CurrEstab 8",
    "node_netstat_Tcp_InSegs 34406",
    "node_netstat_Udp6_InDatagrams 4",
    "node_pressure_io_stalled_seconds_total 4.814503",
    "node_pressure_io_waiting_seconds_total 5.327484",
    "node_sockstat_TCP_inuse 12",
    "node_sockstat_TCP_mem 30",
    "node_sockstat_TCP_mem_bytes 122880",
    "node_sockstat_sockets_used 27",
    'node_uname_info{domainname="(none)",machine="x86_64",nodename="na\\"me",release="6.1",sysname="Linux",version="#1 SMP"} 1',
    "node_vmstat_oom_kill 1",
    "node_vmstat_pgfault 10",
    "node_vmstat_pgmajfault 2",
    "node_vmstat_pswpin 0",
  ]);
});

const EXPORTER = "/usr/bin/prometheus-node-exporter";

/** This machine, as the server reads it. */
function thisHost(): HostReader {
  return {
    readFile: (path) => {
      try {
        return readFileSync(path, "utf8");
      } catch {
        return undefined;
      }
    },
    fileSystemSpace: (mountPoint) => {
      const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(mountPoint);
      return {
        blockSize: bsize,
        blocks,
        blocksFree: bfree,
        blocksAvailable: bavail,
        files,
        filesFree: ffree,
      };
    },
    machine: machine(),
    nowMs: Date.now(),
  };
}

interface Exposition {
  /** `node_load1 gauge 1m load average.` */
  readonly families: ReadonlyMap<string, string>;
  /** Family to its series. */
  readonly series: ReadonlyMap<string, ReadonlySet<string>>;
}

function parseExposition(text: string): Exposition {
  const help = new Map<string, string>();
  const families = new Map<string, string>();
  const series = new Map<string, Set<string>>();
  for (const line of text.split("\n")) {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") help.set(name, rest);
    if (kind === "TYPE") families.set(name, `${rest} ${help.get(name)}`);
    if (line.startsWith("#") || line === "") continue;
    const identity = line.slice(0, line.lastIndexOf(" "));
    const family = identity.replace(/\{.*/, "");
    series.getOrInsertComputed(family, () => new Set()).add(identity);
  }
  return { families, series };
}

async function runExporter(): Promise<Exposition> {
  const exporter = spawn(EXPORTER, ["--web.listen-address=127.0.0.1:0"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    let address: string | undefined;
    for await (const line of createInterface({ input: exporter.stderr })) {
      address = /"?Listening on"? address=(\S+)/.exec(line)?.[1];
      if (address !== undefined) break;
    }
    ok(address !== undefined, "the exporter tells its address");
    return parseExposition(await (await fetch(`http://${address}/metrics`)).text());
  } finally {
    exporter.kill();
    if (exporter.exitCode === null && exporter.signalCode === null) await once(exporter, "exit");
  }
}

test("families that the real node_exporter has too are the same there: type, help and series", {
  skip: existsSync(EXPORTER) ? false : `${EXPORTER} is not installed`,
}, async () => {
  const theirs = await runExporter();
  const ours = parseExposition(renderHostMetrics(thisHost()));
  let shared = 0;
  for (const [name, family] of ours.families) {
    if (!theirs.families.has(name)) continue;
    shared++;
    equal(family, theirs.families.get(name), name);
    // Debian's exporter leaves out the loopback device and tmpfs; upstream's does not.
    const comparable = (set: ReadonlySet<string> | undefined): readonly string[] =>
      [...(set ?? [])]
        .filter((series) => !/device="lo"|fstype="tmpfs"/.test(series))
        .map((series) =>
          series.replace(
            /\{(.*)\}/,
            (_, labels: string) =>
              `{${labels
                .split(/,(?=\w+=)/)
                .sort()
                .join(",")}}`,
          ),
        )
        .sort();
    deepEqual(comparable(ours.series.get(name)), comparable(theirs.series.get(name)), name);
  }
  ok(shared > 100, `${shared} families in common`);
});

test("the text is what promtool calls well-formed", {
  skip: existsSync("/usr/bin/promtool") ? false : "promtool is not installed",
}, () => {
  // It exits with 3 where it only has advice on names, which are node_exporter's.
  try {
    execFileSync("/usr/bin/promtool", ["check", "metrics"], {
      input: renderHostMetrics(thisHost()),
      stdio: ["pipe", "pipe", "pipe"],
    });
  } catch (error) {
    equal((error as { status: number }).status, 3, String(error));
  }
});
