import { exportAgainstCopy } from '../measure-export.ts';

export default exportAgainstCopy('users', 'csv', { ratio: 1.15 });
