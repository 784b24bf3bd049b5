import { type HostReader, linesOf, wordsOf } from "./host-reader.ts";
import type { MetricWriter } from "./metric-writer.ts";

/** File systems that hold no files of their own, or that show another one's. */
const IGNORED_TYPES =
  /^(?:autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|fuse\.lxcfs|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|ramfs|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs)$/;
/** Asking for the space of one whose server is gone blocks the process for good. `fuseblk` is a local disk. */
const NETWORK_TYPES =
  /^(?:afs|beegfs|ceph|cifs|fuse|fuse\..+|glusterfs|gfs2|lustre|ncpfs|nfs\d?|ocfs2|smb3?|smbfs)$/;
const IGNORED_MOUNT_POINTS =
  /^\/(?:dev|proc|run\/credentials\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+)(?:$|\/)/;

/** More mounts than this are not asked: each costs a system call, and containers can have thousands. */
const MOUNTS_MAX = 1000;

/** Space and files of each real file system of this machine; those that other machines serve are left out. */
export function collectFileSystems(reader: HostReader, writer: MetricWriter): void {
  // The first process sees the host's mounts; our own may be those of a container.
  const path = reader.readFile("/proc/1/mounts") === undefined ? "/proc/mounts" : "/proc/1/mounts";
  const seen = new Set<string>();
  for (const line of linesOf(reader, path)) {
    const [device = "", mountpoint = "", fstype = "", options = ""] =
      wordsOf(line).map(unescapeMount);
    if (IGNORED_TYPES.test(fstype) || NETWORK_TYPES.test(fstype)) continue;
    if (IGNORED_MOUNT_POINTS.test(mountpoint)) continue;
    const identity = `${device}\n${mountpoint}\n${fstype}`;
    if (seen.has(identity) || seen.size >= MOUNTS_MAX) continue;
    seen.add(identity);

    const labels = { device, fstype, mountpoint };
    const gauge = (name: string, help: string, value: number | undefined): void =>
      writer.add(`node_filesystem_${name}`, "gauge", help, value, labels);
    const space = reader.fileSystemSpace(mountpoint);
    gauge(
      "device_error",
      "Whether an error occurred while getting statistics for the given device.",
      space === undefined ? 1 : 0,
    );
    gauge("readonly", "Filesystem read-only status.", options.split(",").includes("ro") ? 1 : 0);
    if (space === undefined) continue;
    const { blockSize } = space;
    gauge("size_bytes", "Filesystem size in bytes.", space.blocks * blockSize);
    gauge("free_bytes", "Filesystem free space in bytes.", space.blocksFree * blockSize);
    gauge(
      "avail_bytes",
      "Filesystem space available to non-root users in bytes.",
      space.blocksAvailable * blockSize,
    );
    gauge("files", "Filesystem total file nodes.", space.files);
    gauge("files_free", "Filesystem total free file nodes.", space.filesFree);
  }
}

/** The kernel writes blanks in names as octal: `/my\040disk`. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
