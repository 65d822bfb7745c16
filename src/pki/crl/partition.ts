import { createHash } from 'node:crypto'

/**
 * Which of `partitions` CRLs a certificate with this serial number (hexadecimal) is to name: spread evenly whoever chose
 * the number, and the same on every machine. The choice is recorded with the certificate, since `partitions` may grow.
 */
export function crlPartition(serialNumber: string, partitions: number): number {
  return createHash('sha256').update(Buffer.from(serialNumber, 'hex')).digest().readUInt32BE(0) % partitions
}
