"""What every room needs: errors, files that appear whole, tasks, transforms, scores; it knows nothing of scans."""
