def fizzbuzz(last):
    seen = tf.constant(0)
    last = tf.convert_to_tensor(last)
    for number in range(1, last.numpy() + 1):
        number = tf.constant(number)
        if int(number % 3) == 0 and int(number % 5) == 0:
            print('FizzBuzz')
        elif int(number % 3) == 0:
            print('Fizz')
        elif int(number % 5) == 0:
            print('Buzz')
        else:
            print(number.numpy())
        seen += 1
    return seen


print(fizzbuzz(15))
