import { exportAgainstCopy } from '../measure-export.ts';

export default exportAgainstCopy('users', 'ndjson', { ratio: 1.15 });
